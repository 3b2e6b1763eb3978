// One item: to look at, to edit, to make.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { ApiError } from "../../api/error.ts";
import { asApiError, isAbort } from "../../api/error.ts";
import { type Form, parseItem, printItem } from "../../model/document.ts";
import { bytes } from "../../model/format.ts";
import { checkItem } from "../../model/item-check.ts";
import { Problem } from "../../model/json.ts";
import { merge } from "../../model/merge.ts";
import { keyOf } from "../../model/save.ts";
import { equalItems, type Item, itemSize, summary, withFirst } from "../../model/value.ts";
import { type TabProps, tableTabs } from "../../shell/pages.ts";
import { href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { Editor, type Mark } from "../../ui/editor.tsx";
import { Segments } from "../../ui/field.tsx";
import { Icon } from "../../ui/icon.tsx";
import { ErrorState, Loading, Notice } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { Conflict } from "./conflict.tsx";
import { deleteItem, readItem, saveItem } from "./saving.ts";

/** What the panel begins with. */
export type PanelStart = { kind: "edit"; key: Item } | { kind: "new"; item: Item };

interface PanelProps {
  table: TabProps["table"];
  keyNames: readonly string[];
  start: PanelStart;
  onClose: () => void;
  onDuplicate: (item: Item) => void;
  /** An item was changed, made (`before` missing) or deleted (`after` missing). */
  onChanged: (before: Item | undefined, after: Item | undefined) => void;
}

type Known = "loading" | "gone" | { before: Item | undefined } | ApiError;

export function Panel(props: PanelProps) {
  const { table, start, onClose } = props;
  const [known, setKnown] = useState<Known>(start.kind === "new" ? { before: undefined } : "loading");
  useEffect(() => {
    if (start.kind === "new") return;
    const abort = new AbortController();
    readItem(table.TableName, start.key, abort.signal).then(
      (item) => setKnown(item ? { before: item } : "gone"),
      (error: unknown) => {
        if (!isAbort(error)) setKnown(asApiError(error));
      },
    );
    return () => abort.abort();
  }, []);
  if (typeof known === "object" && "before" in known) return <Editing {...props} read={known.before} />;
  return (
    <Dialog open size="side" title={titleOf(props)} onClose={onClose}>
      {known === "loading" && <Loading lines={6} />}
      {known === "gone" && (
        <Notice kind="warn" title="There is no such item any more">
          <p>It was deleted, or its key was changed.</p>
        </Notice>
      )}
      {typeof known === "object" && <ErrorState what="The item was not read." error={known} />}
    </Dialog>
  );
}

function titleOf({ start, keyNames }: PanelProps): string {
  if (start.kind === "new") return "Create item";
  const parts = keyNames.map((name) => {
    const value = start.key[name];
    return value ? summary(value, 60) : "";
  });
  return parts.join(" / ");
}

type View = "editor" | { conflict: Item | undefined };

function Editing(props: PanelProps & { read: Item | undefined }) {
  const { table, keyNames, onClose } = props;
  const first = props.read ?? (props.start.kind === "new" ? props.start.item : {});
  const [before, setBefore] = useState(props.read);
  const [form, setForm] = useState<Form>("plain");
  const [text, setText] = useState(() => printItem(withFirst(first, keyNames), "plain"));
  const [view, setView] = useState<View>("editor");
  const [asking, setAsking] = useState<"discard" | "delete" | "delete anyway">();
  const action = useAction();
  const checked = useMemo(() => check(text, form, table), [text, form, table]);
  const item = checked.item;
  const dirty = !item || !equalItems(item, before ?? first);
  const started = useRef(text);

  // The browser asks, in its own words, before it leaves the page with changes.
  const changed = dirty && text !== started.current;
  useEffect(() => {
    if (!changed) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [changed]);

  const close = () => {
    if (dirty && text !== started.current) setAsking("discard");
    else onClose();
  };
  const done = (base: Item | undefined, after: Item | undefined, words: string) => {
    props.onChanged(base, after);
    say(words);
    onClose();
  };
  const save = async (base: Item | undefined, after: Item) => {
    await action.run(async () => {
      const outcome = await saveItem(table.TableName, keyNames, base, after);
      if (outcome.kind === "saved") done(base, outcome.item, base ? "The item is saved." : "The item is created.");
      else if (outcome.kind === "nothing") done(base, base, "Nothing was changed.");
      else setView({ conflict: outcome.theirs });
    });
  };
  const remove = async (anyway: boolean) => {
    if (!before) return;
    await action.run(async () => {
      const outcome = await deleteItem(table.TableName, keyNames, before, anyway);
      if (outcome === "deleted") done(before, undefined, "The item is deleted.");
      else setAsking("delete anyway");
    });
  };
  const show = (next: Form) => {
    if (!item) return;
    setForm(next);
    setText(printItem(item, next));
  };
  const take = (version: Item | undefined) => {
    if (!version) {
      props.onChanged(before, undefined);
      onClose();
      return;
    }
    props.onChanged(before, version);
    const shown = printItem(withFirst(version, keyNames), form);
    setBefore(version);
    setText(shown);
    started.current = shown;
    setView("editor");
  };

  const inConflict = typeof view === "object";
  const ready = item !== undefined && checked.findings.length === 0;
  return (
    <Dialog
      open
      size="side"
      title={titleOf(props)}
      onClose={close}
      actions={
        !inConflict && (
          <>
            {before && (
              <div class="panel-left">
                <Button kind="danger" icon="trash" disabled={action.busy} onClick={() => setAsking("delete")}>
                  Delete
                </Button>
                <Button icon="copy" disabled={!item} onClick={() => item && props.onDuplicate(item)}>
                  Duplicate
                </Button>
                {!dirty && <HistoryLink table={table.TableName} item={before} keyNames={keyNames} />}
              </div>
            )}
            <Button onClick={close}>Cancel</Button>
            <Button
              kind="primary"
              busy={action.busy}
              disabled={!ready || (before !== undefined && !dirty)}
              onClick={() => item && save(before, item)}
            >
              {before ? "Save" : "Create item"}
            </Button>
          </>
        )
      }
    >
      {inConflict && item ? (
        <Conflict
          read={before}
          mine={item}
          theirs={view.conflict}
          merged={before && view.conflict && merge(before, item, view.conflict)}
          busy={action.busy}
          error={action.error}
          onBack={() => setView("editor")}
          onTheirs={() => take(view.conflict)}
          onSave={(version) => save(view.conflict, version)}
        />
      ) : (
        <div
          class="panel"
          onKeyDown={(event) => {
            if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || !ready || !item) return;
            event.preventDefault();
            event.stopPropagation();
            void save(before, item);
          }}
        >
          <div class="row">
            <Segments
              label="Form of the JSON"
              value={form}
              options={[
                { value: "plain", label: "JSON" },
                { value: "dynamodb", label: "DynamoDB JSON" },
              ]}
              disabled={!item}
              onChange={show}
            />
            <span class="muted small">{item ? bytes(itemSize(item)) : ""}</span>
            <div class="actions">
              <CopyButton text={text} label="Copy the JSON" />
            </div>
          </div>
          {action.error && <ErrorState what="It was not done." error={action.error} />}
          <Editor label="Item as JSON" value={text} onChange={setText} marks={checked.marks} json autoFocus />
          <Checks checked={checked} form={form} />
        </div>
      )}
      <Confirm
        open={asking === "discard"}
        title="Discard the changes?"
        action="Discard"
        onClose={() => setAsking(undefined)}
        onConfirm={onClose}
      >
        <p>What you changed is not saved.</p>
      </Confirm>
      <Confirm
        open={asking === "delete" || asking === "delete anyway"}
        title="Delete item"
        action={asking === "delete anyway" ? "Delete it anyway" : "Delete the item"}
        onClose={() => setAsking(undefined)}
        onConfirm={() => remove(asking === "delete anyway")}
      >
        {asking === "delete anyway" ? (
          <p>Somebody changed or deleted it after you opened it. Close this and open it again to see how it is now.</p>
        ) : (
          <p>That can't be taken back.</p>
        )}
        {action.error && <ErrorState what="It was not deleted." error={action.error} />}
      </Confirm>
    </Dialog>
  );
}

/** The history is a tab of its own, if there is one. */
function HistoryLink({ table, item, keyNames }: { table: string; item: Item; keyNames: readonly string[] }) {
  if (!tableTabs.some((tab) => tab.id === "history")) return null;
  const key = JSON.stringify(keyOf(item, keyNames));
  return (
    <LinkButton icon="history" href={href("/tables/:table/:tab", { table, tab: "history" }, { key })}>
      History
    </LinkButton>
  );
}

interface Checked {
  item: Item | undefined;
  problem: string | undefined;
  marks: Mark[];
  findings: string[];
}

function check(text: string, form: Form, table: TabProps["table"]): Checked {
  try {
    const item = parseItem(text, form);
    const findings = checkItem(item, table).map(({ message }) => message);
    return { item, problem: undefined, marks: [], findings };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const mark = { from: error.at, to: error.end, message: error.message };
    const line = text.slice(0, error.at).split("\n").length;
    return { item: undefined, problem: `Line ${line}: ${error.message}`, marks: [mark], findings: [] };
  }
}

function Checks({ checked, form }: { checked: Checked; form: Form }) {
  const all = checked.problem === undefined ? checked.findings : [checked.problem];
  return (
    <div class="panel-checks" aria-live="polite">
      {all.map((message) => (
        <p class="field-error" key={message}>
          <Icon name="alert" size={14} />
          <span>{message}</span>
        </p>
      ))}
      {all.length === 0 && (
        <p class="field-hint">
          {form === "plain"
            ? 'Sets and binary values are written {"$ss": ["a"]}, {"$ns": [1]}, {"$b": "base64"}. Ctrl Enter saves.'
            : "Each value with its type, as the API has it. Ctrl Enter saves."}
        </p>
      )}
    </div>
  );
}
