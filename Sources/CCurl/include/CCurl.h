// libcurl for Swift, loaded only when a file is fetched over the network: with its forty libraries it costs 7 MiB and several milliseconds, and most runs
// find everything in the cache.
//
// Constants and types come from the library's header. Each function calls the one of libcurl that it is named after.
#pragma once
#include <curl/curl.h>

/// Loads libcurl and calls curl_global_init(3). Must succeed, on one thread, before any other function of this header is called.
/// Returns NULL, or an error message with static lifetime.
const char *discographer_curl_load(void);

CURLM *discographer_curl_multi_init(void);
CURLMcode discographer_curl_multi_add_handle(CURLM *multi, CURL *handle);
CURLMcode discographer_curl_multi_remove_handle(CURLM *multi, CURL *handle);
CURLMcode discographer_curl_multi_perform(CURLM *multi, int *running);
CURLMcode discographer_curl_multi_poll(CURLM *multi, int milliseconds);
CURLMcode discographer_curl_multi_cleanup(CURLM *multi);
/// The next finished transfer, or NULL; sets `result` to how it ended.
CURL *discographer_curl_multi_finished(CURLM *multi, CURLcode *result);

CURL *discographer_curl_easy_init(void);
void discographer_curl_easy_cleanup(CURL *handle);
const char *discographer_curl_easy_strerror(CURLcode code);
CURLcode discographer_curl_set_long(CURL *handle, CURLoption option, long value);
CURLcode discographer_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value);
CURLcode discographer_curl_set_string(CURL *handle, CURLoption option, const char *value);
/// Passes each piece of content to `callback` with `context` (CURLOPT_WRITEFUNCTION(3)).
CURLcode discographer_curl_set_writer(CURL *handle, size_t (*callback)(char *, size_t, size_t, void *), void *context);
CURLcode discographer_curl_set_error_buffer(CURL *handle, char *buffer);
long discographer_curl_response_code(CURL *handle);
