import { expect, test } from "vitest";
import { placeOf, placeText, runtimeText } from "./where.ts";

function known(Location: string, Handler: string, CodeSize = 0) {
  return { Configuration: { Handler, CodeSize, Runtime: "provided.al2023" }, Code: { RepositoryType: "S3", Location } };
}

test("folders, programs and addresses are told apart", () => {
  expect(placeOf(known("file:///code/my function", "index.handler"))).toEqual({
    place: "headwater-local-directory",
    key: "/code/my function",
  });
  expect(placeOf(known("file:///code/sink.sh", "none"))?.place).toBe("headwater-command");
  expect(placeText(known("http://127.0.0.1:9/x", "none"))).toBe("Webhook http://127.0.0.1:9/x");
  expect(placeOf(known("http://h/2015-03-31/functions/f/invocations", "none"))?.place).toBe("headwater-lambda");
});

test("a path may have a percent sign", () => {
  for (const key of ["/x/50%/f", "/x/my%20function", "/x/%C3", "/x/a?b#c"]) {
    expect(placeOf(known(`file://${key}`, "index.handler"))?.key).toBe(key);
  }
});

test("a zip file is in no place", () => {
  expect(placeOf(known("file:///data/x.zip", "index.handler", 100))).toBeUndefined();
  expect(placeOf({})).toBeUndefined();
  expect(runtimeText({ Runtime: "nodejs22.x", Handler: "a.b" })).toBe("nodejs22.x");
  expect(runtimeText({ Runtime: "provided.al2023", Handler: "none" })).toBe("Elsewhere");
});
