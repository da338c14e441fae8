// Judges state machines: asl-validator, and JSONata's reference parser for every expression.
// Reads {file: definition} as JSON, writes [[file, problem], ...].
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const installed = createRequire(join(__dirname, "..", "..", ".tools", "node", "package.json"));
const validate = installed("asl-validator");
const jsonata = installed("jsonata");

function* strings(value, place) {
  if (typeof value === "string") yield [value, place];
  else if (value && typeof value === "object")
    for (const [key, item] of Object.entries(value)) yield* strings(item, `${place}/${key}`);
}

function* expressionProblems(definition) {
  for (const [text, place] of strings(definition, "")) {
    if (!text.startsWith("{%")) continue;
    if (!text.endsWith("%}")) yield `${place} begins with {% and does not end with %}`;
    else
      try {
        jsonata(text.slice(2, -2));
      } catch (error) {
        yield `${place} is not JSONata: ${error.message}`;
      }
  }
}

function* validatorProblems(definition) {
  try {
    // It says some things twice.
    yield* new Set(validate(definition).errors.map((e) => `${e["Error code"]}: ${e.Message}`));
  } catch (error) {
    yield `it cannot read this: ${error.message}`;
  }
}

const found = [];
for (const [file, definition] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
  for (const problem of expressionProblems(definition)) found.push([file, `jsonata: ${problem}`]);
  // It writes into the definition, so it comes last.
  for (const problem of validatorProblems(definition)) found.push([file, `asl-validator: ${problem}`]);
}
process.stdout.write(JSON.stringify(found));
