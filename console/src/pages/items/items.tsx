// The items of a table: a search, what it found, and one item to edit.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { ApiError } from "../../api/error.ts";
import type { QueryInput } from "../../api/wire.ts";
import { awsCli } from "../../model/cli.ts";
import { parseItem, printItem } from "../../model/document.ts";
import { keyOf } from "../../model/save.ts";
import { keysOf, type SearchForm, searchFromText, searchInput, searchToText } from "../../model/search-form.ts";
import type { Item } from "../../model/value.ts";
import type { TabProps } from "../../shell/pages.ts";
import { go, href, place } from "../../shell/router.ts";
import { useShortcuts } from "../../shell/shortcuts.ts";
import { IconButton } from "../../ui/button.tsx";
import { Segments } from "../../ui/field.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { complain, say } from "../../ui/toast.tsx";
import { Panel, type PanelStart } from "./panel.tsx";
import { ResultCard } from "./result-card.tsx";
import { type Request, Results } from "./results.ts";
import { Search, Where } from "./search.tsx";
import { Statement } from "./statement.tsx";
import "./items.css";

/** Names of attributes that fields suggest. */
const SUGGESTED_MAX = 200;

type Mode = SearchForm["mode"] | "statement";

export default function Items({ table }: TabProps) {
  const results = useMemo(() => new Results(), []);
  const query = place.value.query;
  const [form, setForm] = useState<SearchForm>(() => searchFromText(query.get("search") ?? ""));
  const [byStatement, setByStatement] = useState(query.has("statement"));
  const mode: Mode = byStatement ? "statement" : form.mode;
  const folded = useSignal(false);
  const fresh = useSignal<PanelStart | undefined>(undefined);
  const keyNames = namesOf(table);

  const visit = (parameters: { [name: string]: string }) =>
    go(href("/tables/:table/:tab", { table: table.TableName, tab: "items" }, parameters));

  const start = (request: Request) => {
    void results.run(request).then(() => {
      const { kind } = request;
      if (kind === "statement" && !results.error.value && !/^\s*select/i.test(request.input.Statement)) {
        say("The statement is done.");
      }
    });
  };
  const choose = (next: Mode) => {
    setByStatement(next === "statement");
    if (next !== "statement") setForm({ ...form, mode: next });
  };
  const search = (next: SearchForm) => {
    setForm(next);
    setByStatement(false);
    const text = searchToText(next);
    visit(text === "" ? {} : { search: text });
    start(requestOf(next, table));
  };
  const statement = (text: string) => {
    visit({ statement: text });
    start({ kind: "statement", input: { Statement: text } });
  };

  // A search that an address names runs at once; a statement might write, and waits for its button.
  useEffect(() => {
    if (mode !== "statement") start(requestOf(form, table));
    return () => results.stop();
  }, []);

  useShortcuts([{ keys: "c", label: "Create an item", run: () => create() }]);

  const create = (item?: Item) => {
    fresh.value = { kind: "new", item: item ?? emptyItem(table) };
  };
  // An item that was opened from here is closed by going back, so that the back button does not open it again.
  const opened = useRef(false);
  const open = (key: Item) => {
    opened.current = true;
    visit({ ...Object.fromEntries(query), item: JSON.stringify(key) });
  };
  const close = () => {
    fresh.value = undefined;
    if (!place.value.query.has("item")) return;
    const { item: _, ...rest } = Object.fromEntries(place.value.query);
    const address = href("/tables/:table/:tab", { table: table.TableName, tab: "items" }, rest);
    if (opened.current) history.back();
    else go(address, { replace: true });
    opened.current = false;
  };

  const named = readKey(query.get("item"));
  const panel: PanelStart | undefined = fresh.value ?? (named && { kind: "edit", key: named });
  const error = results.error.value;
  return (
    <div class="items">
      <section class={folded.value ? "card items-search items-folded" : "card items-search"} aria-label="Search">
        <div class="items-modes">
          <Segments
            label="How to search"
            value={mode}
            options={[
              { value: "scan", label: "Scan", hint: "Reads everything, in no order" },
              { value: "query", label: "Query", hint: "Reads one partition, by its key" },
              { value: "statement", label: "PartiQL", hint: "A statement" },
            ]}
            onChange={choose}
          />
          {mode !== "statement" && !folded.value && <Where table={table} form={form} onChange={setForm} />}
          <IconButton
            icon={folded.value ? "down" : "up"}
            label={folded.value ? "Show the form" : "Fold the form"}
            expanded={!folded.value}
            onClick={() => (folded.value = !folded.value)}
          />
        </div>
        {!folded.value &&
          (mode === "statement" ? (
            <Statement table={table.TableName} value={query.get("statement") ?? ""} onRun={statement} />
          ) : (
            <Search
              key={mode}
              table={table}
              form={form}
              onChange={setForm}
              onRun={search}
              names={results.version.value >= 0 ? [...results.names.keys()].slice(0, SUGGESTED_MAX) : []}
            />
          ))}
      </section>
      {error && (
        <ErrorState what="The search failed." error={error} retry={() => results.request && start(results.request)} />
      )}
      <ResultCard
        table={table}
        index={indexOf(results.request)}
        results={results}
        keyNames={keyNames}
        onOpen={(item) => {
          const key = keyOf(item, keyNames);
          if (Object.keys(key).length === keyNames.length) open(key);
          else complain("This row can't be opened.", missingKey(keyNames));
        }}
        onCreate={() => create()}
        command={() => commandOf(results.request)}
      />
      {panel && (
        <Panel
          key={JSON.stringify(panel)}
          table={table}
          keyNames={keyNames}
          start={panel}
          onClose={close}
          onDuplicate={(item) => {
            close();
            create(item);
          }}
          onChanged={(before, after) => apply(results, keyNames, before, after)}
        />
      )}
    </div>
  );
}

function requestOf(form: SearchForm, table: TabProps["table"]): Request {
  const input = searchInput(form, table);
  return form.mode === "query" ? { kind: "query", input: input as QueryInput } : { kind: "scan", input };
}

function indexOf(request: Request | undefined): string {
  return request && request.kind !== "statement" ? (request.input.IndexName ?? "") : "";
}

function commandOf(request: Request | undefined): string {
  if (!request) return "";
  const operation = { scan: "Scan", query: "Query", statement: "ExecuteStatement" }[request.kind];
  return awsCli("dynamodb", operation, request.input, location.origin);
}

function namesOf(table: TabProps["table"]): string[] {
  const { partition, sort } = keysOf(table);
  return sort ? [partition.name, sort.name] : [partition.name];
}

/** An item with the table's keys, to be filled in. */
function emptyItem(table: TabProps["table"]): Item {
  const { partition, sort } = keysOf(table);
  const start = { S: { S: "" }, N: { N: "0" }, B: { B: "" } };
  return Object.fromEntries([partition, ...(sort ? [sort] : [])].map(({ name, type }) => [name, start[type]]));
}

function readKey(text: string | null): Item | undefined {
  if (text === null) return undefined;
  try {
    return parseItem(text, "dynamodb");
  } catch {
    return undefined;
  }
}

function missingKey(keyNames: readonly string[]) {
  return new ApiError("ConsoleError", `The result does not have ${keyNames.join(" and ")}.`, 0);
}

/** Shows a change in the result, without a search anew. */
function apply(results: Results, keyNames: readonly string[], before: Item | undefined, after: Item | undefined): void {
  const wanted = before && printItem(keyOf(before, keyNames), "dynamodb");
  const index = results.items.findIndex((item) => printItem(keyOf(item, keyNames), "dynamodb") === wanted);
  if (index >= 0) results.replace(index, after);
  else if (after) results.add(after);
}
