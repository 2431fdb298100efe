# kurve_embed_networks(target NAME...): the tables of data/sets/networks become data/published_networks.cpp in the build, so that
# an installed program has them without looking for files.
function(kurve_embed_networks target)
  list(LENGTH ARGN count)
  set(entries "")
  foreach(name IN LISTS ARGN)
    set(table "${PROJECT_SOURCE_DIR}/data/sets/networks/${name}/allreduce.csv")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${table}")
    file(READ "${table}" text)
    string(APPEND entries "    {\"${name}\", R\"csv(${text})csv\"},\n")
  endforeach()
  set(code "// Made from data/sets/networks by cmake/KurveSets.cmake.
#include <array>

#include \"data/published.hpp\"

namespace kurve::data {
namespace {

constexpr std::array<PublishedNetwork, ${count}> networks{{
${entries}}};

}  // namespace

std::span<PublishedNetwork const> published_networks() { return networks; }

}  // namespace kurve::data
")
  set(file "${CMAKE_CURRENT_BINARY_DIR}/published_networks.cpp")
  file(CONFIGURE OUTPUT "${file}" CONTENT "${code}" @ONLY)
  target_sources(${target} PRIVATE "${file}")
endfunction()
