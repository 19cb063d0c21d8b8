// libcurl for Swift: the header, and shims for curl_easy_setopt and curl_easy_getinfo, which are variadic.
#pragma once
#include <curl/curl.h>
