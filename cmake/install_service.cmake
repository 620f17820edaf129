# Installs the configuration and the systemd unit, when the prefix is known: below /usr the
# configuration is in /etc, elsewhere in <prefix>/etc. A configuration that is there stays.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(CONFIG_DIR /etc/quell)
else()
  set(CONFIG_DIR ${CMAKE_INSTALL_PREFIX}/etc/quell)
endif()
set(BIN_DIR ${CMAKE_INSTALL_PREFIX}/bin)

configure_file(${SOURCE_DIR}/deploy/systemd/quell.service.in ${BUILD_DIR}/quell.service @ONLY)
file(INSTALL ${BUILD_DIR}/quell.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
if(NOT EXISTS $ENV{DESTDIR}${CONFIG_DIR}/quell.yaml)
  file(INSTALL ${SOURCE_DIR}/deploy/quell.example.yaml DESTINATION ${CONFIG_DIR}
       RENAME quell.yaml PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
endif()
