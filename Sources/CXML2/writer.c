#include "CXML2.h"

#include <libxml/xmlwriter.h>
#include <stdlib.h>

struct discographer_xml_writer {
    xmlBufferPtr buffer;
    xmlTextWriterPtr writer;
};

discographer_xml_writer *discographer_xml_create(void) {
    discographer_xml_writer *own = calloc(1, sizeof *own);
    if (!own) return NULL;
    own->buffer = xmlBufferCreate();
    own->writer = own->buffer ? xmlNewTextWriterMemory(own->buffer, 0) : NULL;
    if (!own->writer) {
        discographer_xml_free(own);
        return NULL;
    }
    xmlTextWriterSetIndent(own->writer, 1);
    xmlTextWriterSetIndentString(own->writer, BAD_CAST "  ");
    xmlTextWriterStartDocument(own->writer, NULL, "UTF-8", NULL);
    return own;
}

void discographer_xml_start(discographer_xml_writer *own, const char *element) {
    xmlTextWriterStartElement(own->writer, BAD_CAST element);
}

void discographer_xml_attribute(discographer_xml_writer *own, const char *name, const char *value) {
    xmlTextWriterWriteAttribute(own->writer, BAD_CAST name, BAD_CAST value);
}

void discographer_xml_text(discographer_xml_writer *own, const char *text) {
    xmlTextWriterWriteString(own->writer, BAD_CAST text);
}

void discographer_xml_end(discographer_xml_writer *own) { xmlTextWriterEndElement(own->writer); }

const char *discographer_xml_finish(discographer_xml_writer *own) {
    xmlTextWriterEndDocument(own->writer);
    xmlTextWriterFlush(own->writer);
    return (const char *)xmlBufferContent(own->buffer);
}

void discographer_xml_free(discographer_xml_writer *own) {
    if (!own) return;
    if (own->writer) xmlFreeTextWriter(own->writer);
    if (own->buffer) xmlBufferFree(own->buffer);
    free(own);
}
