#include "frontend/docs_page.hpp"

namespace punctual {

std::string_view docs_page() {
  return R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Punctual API</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1d2330; }
details { border: 1px solid #d5dae3; border-radius: 6px; margin: .5rem 0; padding: .5rem .75rem; }
summary { cursor: pointer; }
code, .method { font-family: ui-monospace, monospace; }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600; }
.note { color: #5b6475; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #e8ebf0; }
@media (prefers-color-scheme: dark) { body { background: #14171d; color: #e4e7ee; } details, th, td { border-color: #333a47; } }
</style>
</head>
<body>
<h1>Punctual API</h1>
<p class="note">The machine-readable document is at <a href="openapi">openapi</a>.</p>
<main id="routes">Loading…</main>
<script>
const element = (tag, text, kind) => {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
};
const shape = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  const kinds = schema.oneOf ? schema.oneOf.map(shape).join(" | ") : [].concat(schema.type || "any").join(" | ");
  return schema.enum ? schema.enum.filter((value) => value !== null).join(" | ") : kinds;
};
const table = (heads, rows) => {
  const made = element("table");
  const top = made.appendChild(element("tr"));
  heads.forEach((head) => top.appendChild(element("th", head)));
  rows.forEach((row) => {
    const line = made.appendChild(element("tr"));
    row.forEach((cell, at) => line.appendChild(element("td")).appendChild(element(at === 0 ? "code" : "span", cell)));
  });
  return made;
};
const fields = (schema) => Object.entries(schema.properties || {}).map(([name, field]) =>
  [name, shape(field), (field.default !== undefined ? "default " + JSON.stringify(field.default) + ". " : "") + (field.description || "")]);
const draw = (api) => {
  const main = document.getElementById("routes");
  main.textContent = "";
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, route] of Object.entries(methods)) {
      const box = main.appendChild(element("details"));
      const head = box.appendChild(element("summary"));
      head.appendChild(element("span", method.toUpperCase(), "method"));
      head.appendChild(element("code", path));
      head.appendChild(element("span", " " + route.summary, "note"));
      if (route.parameters) {
        box.appendChild(element("h4", "Parameters"));
        box.appendChild(table(["Name", "Type", ""], route.parameters.map((one) => [one.name, shape(one.schema), one.description || one.in])));
      }
      if (route.requestBody) {
        const schema = route.requestBody.content["application/json"].schema;
        box.appendChild(element("h4", "Body: " + shape(schema)));
        box.appendChild(table(["Field", "Type", ""], fields(schema.$ref ? api.components.schemas[shape(schema)] : schema)));
      }
      box.appendChild(element("h4", "Replies"));
      box.appendChild(table(["Status", "", ""], Object.entries(route.responses).map(([status, given]) => {
        const reply = given.$ref ? api.components.responses[shape(given)] : given;
        const content = Object.values(reply.content || {})[0];
        return [status, reply.description || "", content ? shape(content.schema) : ""];
      })));
    }
  }
  main.appendChild(element("h2", "Shapes"));
  for (const [name, schema] of Object.entries(api.components.schemas)) {
    const box = main.appendChild(element("details"));
    box.appendChild(element("summary", name));
    box.appendChild(table(["Key", "Type", ""], fields(schema)));
  }
};
fetch("openapi").then((reply) => reply.json()).then(draw).catch((problem) => {
  document.getElementById("routes").textContent = "The document could not be read: " + problem;
});
</script>
</body>
</html>
)html";
}

}  // namespace punctual
