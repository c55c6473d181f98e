#include "wolframite/accept_key.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "sha1.hpp"

namespace wolframite {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto is_in_alphabet = [] {
  std::array<bool, 256> table{};
  for (const char octet : alphabet) table[static_cast<unsigned char>(octet)] = true;
  return table;
}();

constexpr std::string_view accept_guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// Looked up once: SHA1() does so each time, which takes longer than the digest.
bool sha1_of_libcrypto(std::string_view text, detail::Sha1Digest& digest) {
  static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA1", nullptr);
  return found != nullptr &&
         EVP_Digest(text.data(), text.size(), digest.data(), nullptr, found, nullptr) == 1;
}

}  // namespace

constinit detail::Sha1 detail::sha1 = sha1_of_libcrypto;

std::string derive_accept_key(std::string_view key) {
  std::string salted;
  salted.reserve(key.size() + accept_guid.size());
  salted.append(key).append(accept_guid);

  detail::Sha1Digest digest{};
  if (!detail::sha1(salted, digest)) return {};
  return base64(std::as_bytes(std::span(digest)));
}

std::string format_key(std::span<const std::byte, 16> nonce) { return base64(nonce); }

bool is_valid_key(std::string_view value) {
  constexpr auto is_sextet = [](char octet) {
    return is_in_alphabet[static_cast<unsigned char>(octet)];
  };
  // 128 bits are 21 whole sextets, a last one whose low four bits are unused, and two pads.
  constexpr std::string_view last_sextets = "AQgw";
  if (value.size() != 24 || !value.ends_with("==")) return false;
  const std::string_view whole = value.substr(0, 21);
  return std::all_of(whole.begin(), whole.end(), is_sextet) &&
         last_sextets.find(value[21]) != std::string_view::npos;
}

std::string base64(ConstBytes data) {
  std::string text((data.size() + 2) / 3 * 4, '=');
  auto to = text.begin();
  while (!data.empty()) {
    const std::size_t taken = std::min<std::size_t>(data.size(), 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      group = group << 8 | (i < taken ? std::to_integer<std::uint32_t>(data[i]) : 0U);
    }
    for (std::size_t i = 0; i <= taken; ++i) {
      to[static_cast<std::ptrdiff_t>(i)] = alphabet[group >> (18 - 6 * i) & 0x3FU];
    }
    to += 4;
    data = data.subspan(taken);
  }
  return text;
}

}  // namespace wolframite
