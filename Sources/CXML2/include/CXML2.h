// libxml2's writer for Swift, without libxml2's headers: those include ICU's, which conflict with Foundation's.
#pragma once

typedef struct discographer_xml_writer discographer_xml_writer;

discographer_xml_writer *discographer_xml_create(void);
void discographer_xml_start(discographer_xml_writer *writer, const char *element);
void discographer_xml_attribute(discographer_xml_writer *writer, const char *name, const char *value);
void discographer_xml_text(discographer_xml_writer *writer, const char *text);
void discographer_xml_end(discographer_xml_writer *writer);
/// Ends the document. Returns the text, which is valid until the writer is freed; NULL if anything could not be written.
const char *discographer_xml_finish(discographer_xml_writer *writer);
void discographer_xml_free(discographer_xml_writer *writer);
