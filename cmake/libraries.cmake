# Every third-party library, from Debian's packages (tools/dependencies.sh installs them).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CURL REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(simdjson REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(PkgConfig REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(LZMA REQUIRED IMPORTED_TARGET liblzma)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(SNAPPY REQUIRED IMPORTED_TARGET snappy)

set(QUELL_BASE_LIBS fmt::fmt simdjson::simdjson Boost::json OpenSSL::Crypto ZLIB::ZLIB
                    PkgConfig::RE2 yaml-cpp Threads::Threads)
