// libcurl for Swift, loaded when a file is fetched over the network and not before: with its family of forty libraries it takes 7 MiB and
// several milliseconds of every run, and most runs find in the cache whatever they need.
//
// Constants and types are the library's own header's; each function stands for the one of libcurl that it is named after.
#pragma once
#include <curl/curl.h>

/// Must succeed before any other function of this header is called, on one thread: loads libcurl and calls curl_global_init(3).
/// NULL when all is well, else what is wrong, in words that last.
const char *discographer_curl_load(void);

CURLM *discographer_curl_multi_init(void);
CURLMcode discographer_curl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode discographer_curl_multi_remove_handle(CURLM *multi, CURL *handle);
CURLMcode discographer_curl_multi_perform(CURLM *multi, int *running);
CURLMcode discographer_curl_multi_poll(CURLM *multi, int milliseconds);
CURLMcode discographer_curl_multi_cleanup(CURLM *multi);
/// The next finished transfer, or NULL; `result` says how it ended.
CURL *discographer_curl_multi_finished(CURLM *multi, CURLcode *result);

CURL *discographer_curl_easy_init(void);
void discographer_curl_easy_cleanup(CURL *handle);
const char *discographer_curl_easy_strerror(CURLcode code);
CURLcode discographer_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode discographer_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
CURLcode discographer_curl_set_string(CURL *handle, CURLoption option, const char *value);
/// Each piece of content goes to `callback` (CURLOPT_WRITEFUNCTION(3)) with `context`.
CURLcode discographer_curl_set_writer(CURL *handle, size_t (*callback)(char *, size_t, size_t, void *), void *context);
CURLcode discographer_curl_set_error_buffer(CURL *handle, char *buffer);
long discographer_curl_response_code(CURL *handle);
