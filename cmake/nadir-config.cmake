include(${CMAKE_CURRENT_LIST_DIR}/nadir-targets.cmake)
