// libxml2 for Swift.
#pragma once
#include <libxml/tree.h>
#include <libxml/parser.h>
#include <libxml/xmlwriter.h>
#include <libxml/xmlsave.h>
