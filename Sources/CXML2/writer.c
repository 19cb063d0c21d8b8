#include "CXML2.h"

#include <libxml/xmlwriter.h>
#include <stdbool.h>
#include <stdlib.h>

struct discographer_xml_writer {
    xmlBufferPtr buffer;
    xmlTextWriterPtr writer;
    bool failed;
};

// Every call returns -1 when it fails, such as for lack of memory.
static void note(discographer_xml_writer *own, int result) { own->failed |= result < 0; }

discographer_xml_writer *discographer_xml_create(void) {
    discographer_xml_writer *own = calloc(1, sizeof *own);
    if (!own) return NULL;
    own->buffer = xmlBufferCreate();
    own->writer = own->buffer ? xmlNewTextWriterMemory(own->buffer, 0) : NULL;
    if (!own->writer) {
        discographer_xml_free(own);
        return NULL;
    }
    note(own, xmlTextWriterSetIndent(own->writer, 1));
    note(own, xmlTextWriterSetIndentString(own->writer, BAD_CAST "  "));
    note(own, xmlTextWriterStartDocument(own->writer, NULL, "UTF-8", NULL));
    return own;
}

void discographer_xml_start(discographer_xml_writer *own, const char *element) {
    note(own, xmlTextWriterStartElement(own->writer, BAD_CAST element));
}

void discographer_xml_attribute(discographer_xml_writer *own, const char *name, const char *value) {
    note(own, xmlTextWriterWriteAttribute(own->writer, BAD_CAST name, BAD_CAST value));
}

void discographer_xml_text(discographer_xml_writer *own, const char *text) {
    note(own, xmlTextWriterWriteString(own->writer, BAD_CAST text));
}

void discographer_xml_end(discographer_xml_writer *own) { note(own, xmlTextWriterEndElement(own->writer)); }

const char *discographer_xml_finish(discographer_xml_writer *own) {
    note(own, xmlTextWriterEndDocument(own->writer));
    note(own, xmlTextWriterFlush(own->writer));
    return own->failed ? NULL : (const char *)xmlBufferContent(own->buffer);
}

void discographer_xml_free(discographer_xml_writer *own) {
    if (!own) return;
    if (own->writer) xmlFreeTextWriter(own->writer);
    if (own->buffer) xmlBufferFree(own->buffer);
    free(own);
}
