// A statement in PartiQL.

import { useState } from "preact/hooks";
import { Button } from "../../ui/button.tsx";
import { TextArea } from "../../ui/field.tsx";

export function Statement(props: { table: string; value: string; onRun: (statement: string) => void }) {
  const [text, setText] = useState(props.value || `SELECT * FROM "${props.table}"`);
  const run = () => {
    if (text.trim() !== "") props.onRun(text);
  };
  return (
    <form
      class="search"
      onSubmit={(event) => {
        event.preventDefault();
        run();
      }}
    >
      <TextArea
        label="PartiQL statement"
        value={text}
        rows={3}
        mono
        hint="SELECT, INSERT, UPDATE or DELETE. Names of tables are in double quotes, texts in single ones."
        onInput={setText}
        onKeyDown={(event) => {
          if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
            event.preventDefault();
            run();
          }
        }}
      />
      <div class="search-row">
        <Button submit kind="primary" icon="play">
          Run
        </Button>
        <span class="muted small">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
      </div>
    </form>
  );
}
