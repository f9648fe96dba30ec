# What runs when. Long tests begin first, or the last one would run alone: tests/costs.txt has the seconds that each of
# them takes, and whoever is not named there is short. Tests of real processes mostly wait, so they begin before all
# others, in two lanes, and the tests that compute run beside them.
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/costs.txt lines REGEX "^[a-z]")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/costs.txt)
foreach(line ${lines})
  if(NOT line MATCHES "^([a-z0-9_.]+) +([0-9]+)$")
    message(FATAL_ERROR "costs.txt: not a test and its seconds: ${line}")
  endif()
  set(seconds_${CMAKE_MATCH_1} ${CMAKE_MATCH_2})
endforeach()

# After add_test and in its folder.
function(test_cost name)
  if(DEFINED seconds_${name})
    set_tests_properties(${name} PROPERTIES COST ${seconds_${name}})
  endif()
endfunction()

define_property(GLOBAL PROPERTY lane_seconds_1)
define_property(GLOBAL PROPERTY lane_seconds_2)

# The lane that is shorter so far.
function(test_lane name)
  set(seconds 1)
  if(DEFINED seconds_${name})
    set(seconds ${seconds_${name}})
  endif()
  get_property(first GLOBAL PROPERTY lane_seconds_1)
  get_property(second GLOBAL PROPERTY lane_seconds_2)
  set(lane 1)
  if("0${second}" LESS "0${first}")
    set(lane 2)
  endif()
  get_property(before GLOBAL PROPERTY lane_seconds_${lane})
  math(EXPR after "0${before} + ${seconds}")
  set_property(GLOBAL PROPERTY lane_seconds_${lane} ${after})
  math(EXPR cost "1000 + ${seconds}")
  set_tests_properties(${name} PROPERTIES RESOURCE_LOCK processes_${lane} COST ${cost})
endfunction()

# A test of real processes, on ports that nobody else takes: add_test(NAME name COMMAND ${apart} PROGRAM ...)
set(apart ${CMAKE_CURRENT_LIST_DIR}/process/alone.sh ${CMAKE_BINARY_DIR}/ports.lock)
