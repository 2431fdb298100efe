# cmake -DKURVE=<program> -DCHROMIUM=<program> -DSOURCE=<source tree> -DWORK=<scratch> -P run.cmake
# Opens report pages in headless Chromium: no console message (the page's own policy turns every outside reference into
# one), and nothing wider than the window, at the width of a phone and of a desk. A planted page shows that each is seen.
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/home)

# open(page width): what the console says into console, the widths of page and window into widths
function(open page width)
  # The frame has the wanted width, whatever the smallest window is; its owner reads how wide the content wants to be.
  file(WRITE ${WORK}/frame.html "<!DOCTYPE html><title>frame</title><link rel=icon href='data:,'>
<iframe src='${page}' style='width:${width}px;height:2000px;border:0'
  onload='document.body.dataset.widths = contentDocument.documentElement.scrollWidth + \" in \" + contentDocument.documentElement.clientWidth'></iframe>")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -E env HOME=${WORK}/home ${CHROMIUM} --headless --no-sandbox --disable-gpu --hide-scrollbars
            --disable-background-networking --user-data-dir=${WORK}/profile --allow-file-access-from-files
            --enable-logging=stderr --log-level=0 --virtual-time-budget=5000 --dump-dom file://${WORK}/frame.html
    RESULT_VARIABLE code OUTPUT_VARIABLE dom ERROR_VARIABLE log TIMEOUT 60)
  if(NOT code EQUAL 0 OR NOT dom MATCHES "data-widths=\"([0-9]+) in ([0-9]+)\"")
    message(FATAL_ERROR "${page} did not open: ${code}\n${dom}\n${log}")
  endif()
  set(widths "${CMAKE_MATCH_1} in ${CMAKE_MATCH_2}" PARENT_SCOPE)
  string(REGEX MATCHALL "[^\n]*CONSOLE[^\n]*" console "${log}")
  set(console "${console}" PARENT_SCOPE)
endfunction()

function(report name)
  execute_process(COMMAND ${KURVE} report ${ARGN} --out ${WORK}/${name} WORKING_DIRECTORY ${SOURCE}
                  RESULT_VARIABLE code ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "kurve report ${ARGN}: ${err}")
  endif()
endfunction()

report(full.html data/sets/book_code_5_2_1/book_code_5_2_1.csv data/sets/mlperf_gpt3_v3_1/points.csv docs/tutorial/weak.json
       --fit K<=4096)
# A title that is a path of one long word.
set(ranks ${WORK}/times_of_every_rank_of_a_job_whose_name_is_wider_than_a_phone.csv)
file(WRITE ${ranks} "step,rank,compute_s\n0,0,1.0\n0,1,1.4\n1,0,1.0\n1,1,1.4\n")
report(ranks.html ${ranks})
report(vendor.html docs/tutorial/vendor.csv docs/tutorial/straggler.csv --fit K<=16)
foreach(page full.html ranks.html vendor.html)
  foreach(width 390 1280)
    open(${page} ${width})
    if(console)
      message(FATAL_ERROR "${page} at ${width}: the console says ${console}")
    endif()
    if(NOT widths STREQUAL "${width} in ${width}")
      message(FATAL_ERROR "${page} at ${width}: the page is wider than its window: ${widths}")
    endif()
  endforeach()
endforeach()

file(READ ${WORK}/vendor.html html)
string(REPLACE "</main>" "<img alt='' src='http://127.0.0.1:9/x.png'><div style='width:999px'>.</div></main>" html "${html}")
file(WRITE ${WORK}/planted.html "${html}")
open(planted.html 390)
if(NOT console MATCHES "127.0.0.1:9/x.png")
  message(FATAL_ERROR "a planted outside reference was not seen: ${console}")
endif()
if(widths STREQUAL "390 in 390")
  message(FATAL_ERROR "a planted wide element was not seen")
endif()
