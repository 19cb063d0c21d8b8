// Only for its flags and the link: libxml2's headers include ICU's, which clash with Foundation's own in one Swift module. CXML2 wraps them.
#pragma once
