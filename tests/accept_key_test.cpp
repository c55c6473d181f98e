// Invariant: base64 is a bijection between octets and the canonical texts it writes; a key is valid
// if and only if format_key can write it; and the accept key is the base64 of the SHA-1 of the key
// and the GUID of RFC 6455.
#include "wolframite/accept_key.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>

#include <array>
#include <string>
#include <vector>

namespace wolframite {
namespace {

// libcrypto's encoder, of which the library makes no use.
std::string reference_base64(ConstBytes data) {
  std::string text((data.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(data.data()),
                                   static_cast<int>(data.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

std::array<std::byte, 16> nonce_of(unsigned seed) {
  std::array<std::byte, 16> nonce{};
  for (std::byte& b : nonce) {
    seed = seed * 1664525U + 1013904223U;
    b = static_cast<std::byte>(seed >> 24);
  }
  return nonce;
}

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

TEST_CASE("base64 of every octet, of every pair, and of every length up to 100") {
  std::vector<std::byte> data;
  CHECK(base64(data).empty());
  for (unsigned first = 0; first < 256; ++first) {
    data = {static_cast<std::byte>(first)};
    REQUIRE(base64(data) == reference_base64(data));
    for (unsigned second = 0; second < 256; ++second) {
      data = {static_cast<std::byte>(first), static_cast<std::byte>(second)};
      REQUIRE(base64(data) == reference_base64(data));
    }
  }
  data.clear();
  for (unsigned i = 0; i < 100; ++i) {
    data.push_back(static_cast<std::byte>(i * 37 + 11));
    REQUIRE(base64(data) == reference_base64(data));
  }
}

TEST_CASE("each place of a key takes what format_key can write there, and nothing else") {
  const std::string key = format_key(nonce_of(1));
  REQUIRE(key.size() == 24);
  REQUIRE(is_valid_key(key));
  for (std::size_t place = 0; place < key.size(); ++place) {
    for (unsigned octet = 0; octet < 256; ++octet) {
      const char c = static_cast<char>(octet);
      std::string changed = key;
      changed[place] = c;
      bool expected = alphabet.find(c) != std::string_view::npos;
      if (place == 21) expected = c == 'A' || c == 'Q' || c == 'g' || c == 'w';
      if (place > 21) expected = c == '=';
      REQUIRE(is_valid_key(changed) == expected);
    }
  }
}

TEST_CASE("a key has 24 characters") {
  std::string key = format_key(nonce_of(2));
  for (std::size_t size = 0; size < 24; ++size) REQUIRE_FALSE(is_valid_key(key.substr(0, size)));
  CHECK_FALSE(is_valid_key(key + "="));
  CHECK_FALSE(is_valid_key(" " + key));
  CHECK_FALSE(is_valid_key(key + key));
}

TEST_CASE("format_key writes valid keys, different for different octets") {
  std::array<std::byte, 16> nonce{};
  CHECK(format_key(nonce) == "AAAAAAAAAAAAAAAAAAAAAA==");
  for (std::size_t i = 0; i < nonce.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      nonce = {};
      nonce[i] = static_cast<std::byte>(1U << bit);
      const std::string key = format_key(nonce);
      REQUIRE(key == reference_base64(nonce));
      REQUIRE(is_valid_key(key));
      REQUIRE(key != "AAAAAAAAAAAAAAAAAAAAAA==");
    }
  }
}

TEST_CASE("the accept key of the octets 0 to 15, as another implementation of SHA-1 gives it") {
  CHECK(derive_accept_key("AAECAwQFBgcICQoLDA0ODw==") == "Bz3qJYTGdOe8gUSpLosEdiLKDrk=");
}

TEST_CASE("the accept key equals libcrypto's digest of key and GUID") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    const std::string key = format_key(nonce_of(seed));
    const std::string salted = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    REQUIRE(EVP_Digest(salted.data(), salted.size(), digest.data(), &size, EVP_sha1(), nullptr) ==
            1);
    REQUIRE(derive_accept_key(key) ==
            reference_base64(std::as_bytes(std::span(digest)).first(size)));
  }
}

}  // namespace
}  // namespace wolframite
