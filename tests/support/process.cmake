# punctual_process: runs the real executable. Include from any tests/<part>/CMakeLists.txt that needs it.
if(NOT TARGET punctual_process)
  add_library(punctual_process STATIC ${CMAKE_CURRENT_LIST_DIR}/process.cpp)
  target_link_libraries(punctual_process PUBLIC Catch2::Catch2 punctual_headers)
  target_include_directories(punctual_process PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
  target_compile_definitions(punctual_process PUBLIC PUNCTUAL_EXECUTABLE="$<TARGET_FILE:punctual>")
endif()
