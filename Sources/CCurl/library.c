// Calls libcurl through pointers from dlsym(3), which have the types of the functions in its header.
#define CURL_DISABLE_TYPECHECK
#include "CCurl.h"

#include <dlfcn.h>
#include <stdio.h>

// The SONAME of every libcurl since 2005, which includes everything that is used here.
static const char library_name[] = "libcurl.so.4";

#undef curl_easy_setopt
#undef curl_easy_getinfo

static struct {
    __typeof__(&curl_global_init) global_init;
    __typeof__(&curl_multi_init) multi_init;
    __typeof__(&curl_multi_add_handle) multi_add_handle;
    __typeof__(&curl_multi_remove_handle) multi_remove_handle;
    __typeof__(&curl_multi_perform) multi_perform;
    __typeof__(&curl_multi_poll) multi_poll;
    __typeof__(&curl_multi_cleanup) multi_cleanup;
    __typeof__(&curl_multi_info_read) multi_info_read;
    __typeof__(&curl_easy_init) easy_init;
    __typeof__(&curl_easy_cleanup) easy_cleanup;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
} curl;

const char *discographer_curl_load(void) {
    static char problem[512];
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(problem, sizeof problem, "libcurl cannot be loaded: %s", dlerror());
        return problem;
    }
    const struct {
        const char *name;
        void **place;
    } functions[] = {
        {"curl_global_init", (void **)&curl.global_init},
        {"curl_multi_init", (void **)&curl.multi_init},
        {"curl_multi_add_handle", (void **)&curl.multi_add_handle},
        {"curl_multi_remove_handle", (void **)&curl.multi_remove_handle},
        {"curl_multi_perform", (void **)&curl.multi_perform},
        {"curl_multi_poll", (void **)&curl.multi_poll},
        {"curl_multi_cleanup", (void **)&curl.multi_cleanup},
        {"curl_multi_info_read", (void **)&curl.multi_info_read},
        {"curl_easy_init", (void **)&curl.easy_init},
        {"curl_easy_cleanup", (void **)&curl.easy_cleanup},
        {"curl_easy_strerror", (void **)&curl.easy_strerror},
        {"curl_easy_setopt", (void **)&curl.easy_setopt},
        {"curl_easy_getinfo", (void **)&curl.easy_getinfo},
    };
    for (size_t index = 0; index < sizeof functions / sizeof *functions; index++)
        if (!(*functions[index].place = dlsym(library, functions[index].name))) {
            snprintf(problem, sizeof problem, "libcurl is too old: %s", dlerror());
            return problem;
        }
    return curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? NULL : "libcurl cannot be initialized";
}

CURLM *discographer_curl_multi_init(void) { return curl.multi_init(); }

CURLMcode discographer_curl_multi_add_handle(CURLM *multi, CURL *handle) { return curl.multi_add_handle(multi, handle); }

CURLMcode discographer_curl_multi_remove_handle(CURLM *multi, CURL *handle) { return curl.multi_remove_handle(multi, handle); }

CURLMcode discographer_curl_multi_perform(CURLM *multi, int *running) { return curl.multi_perform(multi, running); }

CURLMcode discographer_curl_multi_poll(CURLM *multi, int milliseconds) { return curl.multi_poll(multi, NULL, 0, milliseconds, NULL); }

CURLMcode discographer_curl_multi_cleanup(CURLM *multi) { return curl.multi_cleanup(multi); }

CURL *discographer_curl_multi_finished(CURLM *multi, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl.multi_info_read(multi, &left)))
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return message->easy_handle;
        }
    return NULL;
}

CURL *discographer_curl_easy_init(void) { return curl.easy_init(); }

void discographer_curl_easy_cleanup(CURL *handle) { curl.easy_cleanup(handle); }

const char *discographer_curl_easy_strerror(CURLcode code) { return curl.easy_strerror(code); }

CURLcode discographer_curl_set_long(CURL *handle, CURLoption option, long value) { return curl.easy_setopt(handle, option, value); }

CURLcode discographer_curl_set_offset(CURL *handle, CURLoption option, curl_off_t value) {
    return curl.easy_setopt(handle, option, value);
}

CURLcode discographer_curl_set_string(CURL *handle, CURLoption option, const char *value) {
    return curl.easy_setopt(handle, option, value);
}

CURLcode discographer_curl_set_writer(CURL *handle, size_t (*callback)(char *, size_t, size_t, void *), void *context) {
    CURLcode result = curl.easy_setopt(handle, CURLOPT_WRITEFUNCTION, callback);
    return result == CURLE_OK ? curl.easy_setopt(handle, CURLOPT_WRITEDATA, context) : result;
}

CURLcode discographer_curl_set_error_buffer(CURL *handle, char *buffer) {
    return curl.easy_setopt(handle, CURLOPT_ERRORBUFFER, buffer);
}

long discographer_curl_response_code(CURL *handle) {
    long code = 0;
    curl.easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
}
