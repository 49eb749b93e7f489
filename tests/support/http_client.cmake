# punctual_http_client: the raw HTTP client of the tests. Include from any tests/<part>/CMakeLists.txt that needs it.
if(NOT TARGET punctual_http_client)
  add_library(punctual_http_client STATIC ${CMAKE_CURRENT_LIST_DIR}/http_client.cpp)
  target_link_libraries(punctual_http_client PUBLIC punctual_headers)
  target_include_directories(punctual_http_client PUBLIC ${CMAKE_CURRENT_LIST_DIR}/..)
endif()
