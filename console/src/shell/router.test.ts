import { expect, test } from "vitest";
import { href, match, parsePlace } from "./router.ts";

test("addresses go there and back", () => {
  const address = href("/tables/:table/items", { table: "a/b c%?" }, { q: "x&y" });
  const place = parsePlace(address);
  expect(match("/tables/:table/items", place.path)).toEqual({ table: "a/b c%?" });
  expect(place.query.get("q")).toBe("x&y");
});

test("a path fits its own pattern only", () => {
  expect(match("/tables", "/tables")).toEqual({});
  expect(match("/tables", "/tables/x")).toBeUndefined();
  expect(match("/tables/:table", "/tables/")).toBeUndefined();
  expect(match("/tables/:table", "/tables/%E0%A4%A")).toBeUndefined();
});

test("what is no path is the start", () => {
  expect(parsePlace("").path).toBe("/");
  expect(parsePlace("#main").path).toBe("/");
  expect(parsePlace("#/tables?a=1").path).toBe("/tables");
});
