// Which item: its key is typed here, unless one came from the item itself.

import { useState } from "preact/hooks";
import type { AttributeValue } from "../../api/wire.ts";
import { isBase64, numberProblem } from "../../model/document.ts";
import type { TabProps } from "../../shell/pages.ts";
import { go } from "../../shell/router.ts";
import { Button } from "../../ui/button.tsx";
import { TextField } from "../../ui/field.tsx";
import { Card } from "../../ui/page.tsx";
import { historyHref } from "./address.ts";

const HINTS = { S: "A text", N: "A number", B: "Bytes, in base64" } as const;

export function KeyForm({ table }: { table: TabProps["table"] }) {
  const [texts, setTexts] = useState<readonly string[]>([]);
  const [tried, setTried] = useState(false);
  const keys = (table.KeySchema ?? []).map(({ AttributeName }, index) => {
    const type =
      (table.AttributeDefinitions ?? []).find((one) => one.AttributeName === AttributeName)?.AttributeType ?? "S";
    const text = texts[index] ?? "";
    return { name: AttributeName, type, text, problem: problemOf(type, text) };
  });
  const show = (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (keys.some((one) => one.problem !== undefined)) return;
    const key = keys.map(({ name, type, text }) => [name, { [type]: text } as unknown as AttributeValue] as const);
    go(historyHref(table.TableName, Object.fromEntries(key)));
  };
  return (
    <form class="history-form" onSubmit={show} noValidate>
      <Card title="The history of an item">
        <div class="stack">
          <p class="muted">
            Every version of it with its time and what changed, as far as the log reaches, also without a stream. An
            item and a record of the stream have a button that leads here too.
          </p>
          {keys.map(({ name, type, text, problem }, index) => (
            <TextField
              key={name}
              label={name}
              hint={HINTS[type]}
              mono
              value={text}
              error={tried ? problem : undefined}
              onInput={(value) => setTexts((old) => keys.map((_, at) => (at === index ? value : (old[at] ?? ""))))}
            />
          ))}
          <div class="row">
            <Button kind="primary" submit icon="history">
              Show its history
            </Button>
          </div>
        </div>
      </Card>
    </form>
  );
}

function problemOf(type: "S" | "N" | "B", text: string): string | undefined {
  if (text === "") return "A key is not empty.";
  if (type === "N") return numberProblem(text);
  return type === "B" && !isBase64(text) ? "This is no base64." : undefined;
}
