/// @file
/// The TLS of the Asio below, which brings OpenSSL's headers.
#pragma once

#include "wolframite/asio/detail/net.hpp"

#ifdef WOLFRAMITE_ASIO_BOOST
#include <boost/asio/ssl/stream.hpp>
#else
#include <asio/ssl/stream.hpp>
#endif
