// A strict reader of HTML: every element that begins ends, in order; attributes are quoted; no stray < or &.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace tessera::tools {

// What is wrong with the page, "" if nothing is. Reads what our generator writes: lower-case tags, double-quoted attributes,
// void elements of HTML without a slash, SVG's empty elements with one.
inline std::string html_fault(const std::string& html) {
  const std::set<std::string> voids = {"meta", "img", "br", "link", "input"};
  std::vector<std::string> open;
  size_t at = 0;
  const auto near = [&] { return " near: " + html.substr(at, 80); };
  while (at < html.size()) {
    const char c = html[at];
    if (c == '&') {
      const size_t end = html.find(';', at);
      if (end == std::string::npos || end - at > 10) return "stray &" + near();
    }
    if (c == '>') return "stray >" + near();
    if (c != '<') {
      ++at;
      continue;
    }
    if (html.compare(at, 9, "<!DOCTYPE") == 0) {
      at = html.find('>', at) + 1;
      continue;
    }
    const bool closing = html[at + 1] == '/';
    size_t end = at + (closing ? 2 : 1);
    const size_t name_begin = end;
    while (end < html.size() && (std::isalnum(static_cast<unsigned char>(html[end])) || html[end] == '-')) ++end;
    const std::string name = html.substr(name_begin, end - name_begin);
    if (name.empty()) return "stray <" + near();
    bool quoted = false;
    for (; end < html.size() && (quoted || html[end] != '>'); ++end) {
      if (html[end] == '"') {
        if (!quoted && html[end - 1] != '=') return "attribute without =" + near();
        quoted = !quoted;
      } else if (html[end] == '<') {
        return "< inside a tag" + near();
      } else if (html[end] == '=' && !quoted && html[end + 1] != '"') {
        return "attribute without quotes" + near();
      }
    }
    if (end >= html.size()) return "a tag that does not end" + near();
    const bool empty = html[end - 1] == '/';
    if (closing) {
      if (open.empty() || open.back() != name)
        return "</" + name + "> where " + (open.empty() ? "nothing" : open.back()) + " is open" + near();
      open.pop_back();
    } else if (!empty && !voids.contains(name)) {
      open.push_back(name);
    }
    at = end + 1;
    if (!closing && (name == "script" || name == "style")) {  // their content is no HTML
      at = html.find("</" + name + ">", at);
      if (at == std::string::npos) return "<" + name + "> that does not end";
    }
  }
  return open.empty() ? "" : "<" + open.back() + "> that does not end";
}

}  // namespace tessera::tools
