// SPDX-License-Identifier: MIT
// Loads a module: walks over the directives at its top level, delimits the bodies of functions
// without looking into them, lays out parameters and static shared memory, and gives variables
// memory and initial values.
#include <algorithm>
#include <cstring>

#include "machine/options.h"
#include "memory/device_memory.h"
#include "ptx/builder.h"

namespace vgpu {

namespace {

/// A number, or the address of a variable or function: "generic(name)+offset", "name".
std::optional<u64> initial_value(const Module& module, std::string_view text, Type type) {
  if (const auto number = parse_number(text, type)) return number;
  const auto offset = cut_offset(text);
  if (text.starts_with("generic(")) {
    text.remove_prefix(7);
    text = next_group(text);
  }
  const auto symbol = module.find(std::string(text));
  if (!offset || size_of(type) != 8 || !symbol || symbol->space == Space::shared)
    return std::nullopt;
  return symbol->address + static_cast<u64>(*offset);
}

class Loader {
 public:
  explicit Loader(Module& module) : module_(module), scanner_(module.text, 1) {}

  void load() {
    for (auto s = scanner_.next(); s.kind != Statement::Kind::end; s = scanner_.next()) {
      line_ = s.line;
      if (s.kind != Statement::Kind::directive) bad(s.text);
      directive(s.text);
    }
    for (auto& [name, function] : module_.functions) function->shared_bytes = shared_end_;
  }

 private:
  [[noreturn]] void bad(std::string_view text) const {
    unsupported("PTX line %u: '%s'", line_, std::string(text.substr(0, 120)).c_str());
  }

  u32 number(std::string_view text) const {
    const auto value = parse_integer(text);
    if (!value || *value < 0 || *value > 1'000'000) bad(text);
    return static_cast<u32>(*value);
  }

  void directive(std::string_view text) {
    auto rest = text;
    const auto word = next_word(rest);
    if (word == ".version" || word == ".target" || word == ".address_size" || word == ".pragma")
      return;
    if (word == ".file") return file(rest);
    if (word == ".section") {  // debug information
      scanner_.body();
      return;
    }
    for (rest = text; rest.starts_with('.');) {
      const auto part = next_word(rest);
      if (part == ".entry" || part == ".func") return function(rest, part == ".entry");
    }
    variable(text);
  }

  /// .file 1 "path", and perhaps the time and size of the file.
  void file(std::string_view rest) {
    const u32 index = number(next_word(rest));
    if (!rest.starts_with('"')) bad(rest);
    if (module_.files.size() <= index) module_.files.resize(index + 1);
    module_.files[index] = rest.substr(1, rest.find('"', 1) - 1);
  }

  void variable(std::string_view text) {
    const auto declared = parse_declaration(text);
    if (!declared) bad(text);
    Symbol& symbol = module_.symbols[std::string(declared->name)];
    if (declared->space == Space::shared && declared->is_extern)
      symbol = {Space::shared, 0, 0, true};
    else if (declared->space == Space::shared)
      symbol = shared_variable(*declared);
    else if ((declared->space == Space::global || declared->space == Space::constant) &&
             !declared->is_extern)
      symbol = place_variable(module_, *declared);
    else
      bad(text);
  }

  Symbol shared_variable(const Declaration& declared) {
    const u32 address = round_up(shared_end_, declared.align);
    shared_end_ = address + declared.size;
    return {Space::shared, address, declared.size};
  }

  void function(std::string_view head, bool is_entry) {
    Function function;
    function.module = &module_;
    function.is_entry = is_entry;
    function.first_line = scanner_.line();
    if (head.starts_with('(')) parameters(next_group(head), function.results);
    function.name = next_name(head);
    if (function.name.empty()) bad(head);
    if (head.starts_with('(')) {
      const u32 bytes = parameters(next_group(head), function.parameters);
      if (is_entry) function.parameter_bytes = bytes;
    }
    while (!head.empty()) attribute(head, function);
    const auto body = scanner_.body();
    function.is_external = !body;
    function.text = body.value_or("");
    if (!is_entry) function_shared(function);
    // The object stays where it is when a declaration is followed by the definition: others have
    // its address.
    auto& known = module_.functions[function.name];
    if (known == nullptr) known = std::make_unique<Function>();
    if (known->module == nullptr || known->is_external) *known = std::move(function);
  }

  /// Returns how many bytes they take together.
  u32 parameters(std::string_view list, std::vector<Parameter>& out) {
    u32 bytes = 0;
    for (const auto piece : split(list)) {
      const auto declared = parse_declaration(piece);
      if (!declared || declared->space != Space::param) bad(piece);
      const u32 offset = round_up(bytes, declared->align);
      out.push_back({std::string(declared->name), declared->size, declared->align, offset});
      bytes = offset + declared->size;
    }
    return bytes;
  }

  /// A directive behind the parameters, with numbers. Most tell only the compiler something.
  void attribute(std::string_view& head, Function& function) {
    const auto word = next_word(head);
    u32 product = 1;
    for (const auto text : split(cut(head, std::min(head.find('.'), head.size()))))
      product *= number(text);
    if (word == ".maxntid" || word == ".reqntid")
      function.most_threads = product;
    else if (word != ".minnctapersm" && word != ".maxnreg" && word != ".noreturn")
      bad(word);
  }

  /// Static shared memory in a function that is called gets a place of its own in the module:
  /// whatever kernel calls it, the address is the same.
  void function_shared(const Function& function) {
    const auto text = function.text;
    for (std::size_t at = text.find(".shared "); at != std::string_view::npos;
         at = text.find(".shared ", at + 1))
      if (const auto declared = parse_declaration(text.substr(at, text.find(';', at) - at)))
        module_.symbols[function.name + "::" + std::string(declared->name)] =
            shared_variable(*declared);
  }

  Module& module_;
  Scanner scanner_;
  u32 line_ = 0;
  u32 shared_end_ = shared_begin;
};

}  // namespace

std::optional<Declaration> parse_declaration(std::string_view text) {
  Declaration result;
  if (const std::size_t equals = text.find('='); equals != std::string_view::npos) {
    result.initialiser = trim(text.substr(equals + 1));
    text = text.substr(0, equals);
  }
  text = trim(text);
  bool is_pointer = false;  // what stands behind .ptr says what a pointer points to
  while (text.starts_with('.')) {
    const auto word = next_word(text);
    const Type type = type_named(word.substr(1));
    const Space space = space_named(word.substr(1));
    if (word == ".align") {
      const i64 align = parse_integer(next_word(text)).value_or(0);
      if (align <= 0) return std::nullopt;
      if (!is_pointer) result.align = static_cast<u32>(align);
    } else if (type != Type::none) {
      result.type = type;
    } else if (space != Space::generic) {
      if (!is_pointer) result.space = space;
    } else if (word != ".visible" && word != ".weak" && word != ".common" && word != ".extern" &&
               word != ".ptr") {
      return std::nullopt;
    }
    is_pointer |= word == ".ptr";
    result.is_extern |= word == ".extern";
  }
  result.name = next_name(text);
  if (result.name.empty() || result.space == Space::generic || result.type == Type::none)
    return std::nullopt;
  const auto element = static_cast<u32>(size_of(result.type));
  if (result.align == 0) result.align = element;
  result.size = element;
  if (text.starts_with('[')) {
    const auto dimension = next_group(text);
    const auto number = dimension.empty() ? 0 : parse_integer(dimension);
    if (!number) return std::nullopt;
    result.size *= static_cast<u32>(*number);
  }
  if (!text.empty()) return std::nullopt;
  return result;
}

Symbol place_variable(const Module& module, const Declaration& variable) {
  const std::string name(variable.name);
  std::vector<u8> bytes(variable.size);
  auto text = variable.initialiser;
  const auto element = static_cast<std::size_t>(size_of(variable.type));
  std::size_t offset = 0;
  for (const auto value : split(text.starts_with('{') ? next_group(text) : text)) {
    const auto bits = initial_value(module, value, variable.type);
    if (!bits || element > sizeof *bits || offset + element > bytes.size())
      unsupported("initialiser of %s: '%s'", name.c_str(), std::string(value).c_str());
    std::memcpy(bytes.data() + offset, &*bits, element);
    offset += element;
  }
  const u64 address = allocate(std::max<std::size_t>(bytes.size(), 1), true);
  if (address == 0)
    unsupported("no device memory for the variable %s of %u bytes", name.c_str(), variable.size);
  if (!bytes.empty()) std::memcpy(host_address(address), bytes.data(), bytes.size());
  return {variable.space, address, variable.size};
}

std::string_view Module::line_text(u32 line) const {
  if (line == 0 || line > lines.size()) return "?";
  const std::size_t begin = lines[line - 1];
  return trim(std::string_view(text).substr(begin, text.find('\n', begin) - begin));
}

std::optional<Symbol> Module::find(const std::string& name) const {
  if (const auto found = symbols.find(name); found != symbols.end()) return found->second;
  if (const auto found = functions.find(name); found != functions.end())
    return Symbol{Space::generic, address_of(*found->second)};
  return std::nullopt;
}

Module* load_module(std::string_view ptx) {
  auto* const module = new Module;
  module->text = ptx.substr(0, ptx.find('\0'));
  blank_comments(module->text);
  module->lines = {0};
  for (std::size_t i = module->text.find('\n'); i != std::string::npos;
       i = module->text.find('\n', i + 1))
    module->lines.push_back(i + 1);
  Loader(*module).load();
  return module;
}

/// Functions have addresses like any code, far away from memory: those of the host with a mark.
constexpr u64 function_mark = u64{0x7f} << 56;

u64 address_of(const Function& function) {
  return reinterpret_cast<u64>(&function) | function_mark;
}

Function* function_at(u64 address) {
  const bool is_function = address >> 56 == function_mark >> 56 && address % alignof(Function) == 0;
  return is_function ? reinterpret_cast<Function*>(address ^ function_mark) : nullptr;
}

}  // namespace vgpu
