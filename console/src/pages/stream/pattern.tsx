// A filter pattern: typed, checked by the server as it is typed, and what it may look like.

import { useEffect, useState } from "preact/hooks";
import { asApiError, isAbort } from "../../api/error.ts";
import { checkPattern } from "../../api/filter.ts";
import { Select, TextArea } from "../../ui/field.tsx";

/** A pattern is checked when nothing was typed for so long. */
const CHECK_AFTER_MS = 250;

export const PATTERN_EXAMPLES = [
  { label: "New items", pattern: { eventName: ["INSERT"] } },
  {
    label: "An attribute has a value",
    pattern: { dynamodb: { NewImage: { state: { S: ["paid", "sent"] } } } },
  },
  {
    label: "An attribute got a value that it did not have",
    pattern: {
      dynamodb: { NewImage: { state: { S: ["paid"] } }, OldImage: { state: { S: [{ "anything-but": "paid" }] } } },
    },
  },
  { label: "A key begins with", pattern: { dynamodb: { Keys: { id: { S: [{ prefix: "user#" }] } } } } },
  { label: "An attribute is there", pattern: { dynamodb: { NewImage: { email: { S: [{ exists: true }] } } } } },
  { label: "Removed by time to live", pattern: { eventName: ["REMOVE"], userIdentity: { type: ["Service"] } } },
] as const;

/** What is wrong with a pattern, as the server says; `checking` while that is not known. */
export function usePatternCheck(pattern: string): { problem: string | undefined; checking: boolean } {
  const [known, setKnown] = useState<{ pattern: string; problem: string | undefined }>({
    pattern: "",
    problem: undefined,
  });
  useEffect(() => {
    if (pattern.trim() === "") {
      setKnown({ pattern, problem: undefined });
      return;
    }
    const abort = new AbortController();
    const timer = setTimeout(() => {
      checkPattern(pattern, abort.signal).then(
        () => setKnown({ pattern, problem: undefined }),
        (error: unknown) => {
          if (!isAbort(error)) setKnown({ pattern, problem: asApiError(error).message });
        },
      );
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [pattern]);
  const current = known.pattern === pattern;
  return { problem: current ? known.problem : undefined, checking: !current };
}

/** The field for a pattern, with what is wrong with it. */
export function PatternField(props: {
  label: string;
  value: string;
  onInput: (value: string) => void;
  problem: string | undefined;
  rows?: number;
}) {
  return (
    <TextArea
      label={props.label}
      mono
      rows={props.rows ?? 6}
      value={props.value}
      placeholder={'{ "eventName": ["INSERT"] }'}
      onInput={props.onInput}
      // There is one pattern here; its number tells nothing.
      error={props.problem?.replace(/^pattern 1: /, "")}
      hint="As the record looks, with a list of allowed values in place of each value. Numbers of items are texts."
    />
  );
}

/** Patterns to begin from. */
export function PatternExamples({ onPick }: { onPick: (pattern: string) => void }) {
  return (
    <Select
      label="Example"
      hideLabel
      value=""
      options={[
        { value: "", label: "Begin with an example\u2026" },
        ...PATTERN_EXAMPLES.map((one, index) => ({ value: String(index), label: one.label })),
      ]}
      onChange={(index) => {
        const example = PATTERN_EXAMPLES[Number(index)];
        if (index !== "" && example) onPick(JSON.stringify(example.pattern, null, 2));
      }}
    />
  );
}
