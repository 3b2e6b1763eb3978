// A pattern field that has itself checked.

import { PatternField, usePatternCheck } from "../stream/pattern.tsx";

export function PatternFieldChecked(props: { label: string; value: string; onInput: (value: string) => void }) {
  const { problem } = usePatternCheck(props.value);
  return <PatternField {...props} problem={problem} rows={5} />;
}
