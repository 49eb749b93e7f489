# punctual_add_plugin(NAME SOURCES file… [LIBRARIES target…]): NAME.so, a plugin for Punctual, of sources in C or C++.
function(punctual_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBRARIES")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "punctual_add_plugin(${name}): what is ${arg_UNPARSED_ARGUMENTS}? Files are named after SOURCES")
  endif()
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "punctual_add_plugin(${name}): no SOURCES")
  endif()
  add_library(${name} MODULE ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE Punctual::plugin ${arg_LIBRARIES})
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(CXX IN_LIST languages)
    target_compile_features(${name} PRIVATE cxx_std_17)
  endif()
  # Nothing but its one function is seen from outside. A library with unique symbols could never be unloaded.
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  # What is missing shows now and not when a server starts.
  target_link_options(${name} PRIVATE -Wl,--no-undefined)
  set_target_properties(${name} PROPERTIES
    PREFIX ""
    SUFFIX .so
    POSITION_INDEPENDENT_CODE ON
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
endfunction()
