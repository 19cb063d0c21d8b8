// OpenSSL's libcrypto for Swift: message digests, EVP_DigestInit(3).
#pragma once
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
