# What the shared library shows of itself: the functions of the C API and nothing else.

if(WIN32)
  target_link_options(nadir PRIVATE -static -static-libgcc -static-libstdc++)
elseif(NOT APPLE)
  set(exports ${PROJECT_SOURCE_DIR}/capi/exports.map)
  target_link_options(nadir PRIVATE -Wl,--version-script=${exports} -Wl,--no-undefined -Wl,--gc-sections -Wl,-z,relro,-z,now)
  set_target_properties(nadir PROPERTIES LINK_DEPENDS ${exports})
  if(NADIR_STATIC_RUNTIME)
    target_link_options(nadir PRIVATE -static-libgcc -static-libstdc++)
  endif()
endif()
