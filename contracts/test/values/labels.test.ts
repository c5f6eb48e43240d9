import { expect, test } from "bun:test";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import {
  LabelParameter,
  Labels,
  labelsOf,
  labelTextOf,
  labelTexts,
  limits,
  NewLabels,
} from "../../src/index.ts";

const labels = TypeCompiler.Compile(Labels);

test("labels are at most 10, with short plain names and values of up to 255 characters", () => {
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`l${index}`, ""]));
  const { labelsMax, labelValueCharsMax } = limits;
  for (const good of [
    {},
    many(labelsMax),
    { "a_b.c-9": "ä = : \u0000 \u{1f600}", ["n".repeat(63)]: "v".repeat(labelValueCharsMax) },
    JSON.parse('{"__proto__":"x"}'),
  ]) {
    expect([good, labels.Check(good)]).toEqual([good, true]);
  }
  for (const bad of [
    many(labelsMax + 1),
    { ["n".repeat(64)]: "" },
    { "": "" },
    { A: "" },
    { "a:b": "" },
    { "a=b": "" },
    { "a\n": "" },
    { a: "v".repeat(labelValueCharsMax + 1) },
    { a: "\ud800" },
    { a: "\ude00\ud83d" },
    { a: 1 },
    { a: null },
    [],
    "a:b",
    null,
  ]) {
    expect([bad, labels.Check(bad)]).toEqual([bad, false]);
  }
});

test("names that begin with `sate.` are Sate's own: clients find them, and do not give them", () => {
  const given = TypeCompiler.Compile(NewLabels);
  for (const name of ["sate.schedule", "sate."]) {
    expect([name, given.Check({ [name]: "" }), labels.Check({ [name]: "" })]).toEqual([name, false, true]);
  }
  for (const name of ["sate", "sates", "sate-x", "a.sate.b"]) expect(given.Check({ [name]: "" })).toBe(true);
});

test("labels are texts when they are stored, and come back as they were, in their order", () => {
  const all = JSON.parse('{"b":"x=y","a":"","__proto__":"admin","c.d":"e:f"}');
  expect(labelTexts(all)).toEqual(["b=x=y", "a=", "__proto__=admin", "c.d=e:f"]);
  expect(JSON.stringify(labelsOf(labelTexts(all)))).toBe(JSON.stringify(all));
  expect(labelTexts()).toEqual([]);
});

test("a label as a parameter is its name, a colon and its value", () => {
  const parameter = TypeCompiler.Compile(LabelParameter);
  for (const good of ["a:b", "a:", "a.b-c_9:x:y=z", `${"n".repeat(63)}:${"v".repeat(255)}`]) {
    expect([good, parameter.Check(good)]).toEqual([good, true]);
  }
  for (const bad of ["", "a", ":b", "A:b", "a=b", `${"n".repeat(64)}:b`, `a:${"v".repeat(319)}`]) {
    expect([bad, parameter.Check(bad)]).toEqual([bad, false]);
  }
  expect(labelTextOf("a:x:y")).toBe(labelTexts({ a: "x:y" })[0] as string);
});
