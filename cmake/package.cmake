# What `cmake --install` puts where, and the Debian package (`cpack --config build/release/CPackConfig.cmake`).
if(TARGET quell)
  install(TARGETS quell RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/providers)
  install(DIRECTORY providers/ DESTINATION ${CMAKE_INSTALL_DATADIR}/quell/providers
          FILES_MATCHING PATTERN "*.yaml" PATTERN samples EXCLUDE)
endif()
if(EXISTS ${CMAKE_SOURCE_DIR}/scenarios)
  install(DIRECTORY scenarios/ DESTINATION ${CMAKE_INSTALL_DATADIR}/quell/scenarios
          FILES_MATCHING PATTERN "*.scn")
endif()
install(CODE "set(SOURCE_DIR ${CMAKE_SOURCE_DIR})\nset(BUILD_DIR ${CMAKE_BINARY_DIR})")
install(SCRIPT cmake/install_service.cmake)
install(FILES deploy/quell.example.yaml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES docs/man/quell.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES deploy/completion/quell.bash RENAME quell
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES deploy/completion/_quell DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES deploy/completion/quell.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES deploy/debian/copyright CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME quell)
set(CPACK_PACKAGE_VENDOR Quell)
set(CPACK_PACKAGE_CONTACT "Quell <quell@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "turns alerts and events into a few explained incidents")
set(CPACK_PACKAGE_DESCRIPTION
"Quell takes the alerts and events of the tools that an estate already has, loses
none, turns them into a few incidents, shows them live, and can say why. It is one
program with one port, its own journal and its own web page.")
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_SET_DESTDIR ON)  # The configuration goes to /etc, outside of the prefix.
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "passwd, init-system-helpers")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles ${CMAKE_SOURCE_DIR}/deploy/debian/postinst
    ${CMAKE_SOURCE_DIR}/deploy/debian/prerm ${CMAKE_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
