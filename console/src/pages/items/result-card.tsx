// What was found: the grid, and what can be done with it.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { dynamodb } from "../../api/dynamodb.ts";
import type { WriteRequest } from "../../api/wire.ts";
import { csv, jsonList } from "../../model/export.ts";
import { count, duration, plural } from "../../model/format.ts";
import { keyOf } from "../../model/save.ts";
import { keysOf } from "../../model/search-form.ts";
import type { Item } from "../../model/value.ts";
import type { TabProps } from "../../shell/pages.ts";
import { useAction } from "../../ui/action.ts";
import { Button } from "../../ui/button.tsx";
import { copyText, Snippets } from "../../ui/copy.tsx";
import { Confirm } from "../../ui/dialog.tsx";
import { Checkbox } from "../../ui/field.tsx";
import { Grid } from "../../ui/grid.tsx";
import { Menu, Popover } from "../../ui/menu.tsx";
import { EmptyState, ErrorState, Loading } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { cellOf, columnsOf, orderedNames } from "./columns.ts";
import { ITEMS_MAX, type Results } from "./results.ts";

interface CardProps {
  table: TabProps["table"];
  /** The index that was searched; empty for the table. */
  index: string;
  results: Results;
  keyNames: readonly string[];
  onOpen: (item: Item) => void;
  onCreate: () => void;
  /** The AWS CLI command of the search. */
  command: () => string;
}

const NO_ROWS: ReadonlySet<number> = new Set();

export function ResultCard(props: CardProps) {
  const { table, results, keyNames, index } = props;
  const version = results.version.value;
  const state = results.state.value;
  const [selected, setSelected] = useState<ReadonlySet<number>>(NO_ROWS);
  const chosen = useSignal<ReadonlySet<string> | undefined>(undefined);
  const deleting = useSignal(false);
  const keys = keysOf(table);
  const total = results.items.length;

  // Places mean other items after any change of the list.
  useEffect(() => setSelected(NO_ROWS), [results.request, total === 0]);

  // Widths come from the first items: they need not be found anew for each page.
  const sample = Math.min(total, 60);
  const names = orderedNames(results.names, index === "" ? [keys] : [keysOf(table, index), keys]);
  const nameList = names.join("\n");
  const columns = useMemo(
    () => columnsOf(names, chosen.value, results.items, keys),
    [nameList, sample, chosen.value, results.request],
  );

  const grid = total > 0 && (
    <Grid
      label="Items"
      columns={columns}
      count={total}
      version={version}
      cell={(row, name) => cellOf(results.items[row], name, keyNames[0] ?? "")}
      onOpen={(row) => {
        const item = results.items[row];
        if (item) props.onOpen(item);
      }}
      selected={selected}
      onSelect={setSelected}
    />
  );
  return (
    <section class="card items-results" aria-label="Result">
      <div class="items-bar">
        <Summary results={results} />
        <div class="actions">
          {selected.size > 0 && (
            <Button kind="danger" icon="trash" onClick={() => (deleting.value = true)}>
              Delete {count(selected.size)}
            </Button>
          )}
          {total > 0 && (
            <Columns names={names} shown={columns.map(({ id }) => id)} onChange={(set) => (chosen.value = set)} />
          )}
          <Exports {...props} names={names} />
          <Button kind="primary" icon="plus" onClick={props.onCreate}>
            Create item
          </Button>
        </div>
      </div>
      <div class="items-body">
        {grid}
        {total === 0 && state === "loading" && <Loading />}
        {total === 0 && (state === "done" || state === "more") && !results.error.value && <Nothing {...props} />}
      </div>
      <More results={results} />
      {deleting.value && (
        <DeleteItems
          {...props}
          selected={selected}
          onClose={() => (deleting.value = false)}
          onDone={() => {
            deleting.value = false;
            results.removeAll(selected);
            setSelected(NO_ROWS);
          }}
        />
      )}
    </section>
  );
}

function Summary({ results }: { results: Results }) {
  const { scanned, ms, pages } = results.progress.value;
  const found = results.version.value >= 0 ? results.items.length : 0;
  const searching = results.state.value === "loading";
  if (pages === 0) return <span class="muted small">{searching ? "Searching" : ""}</span>;
  return (
    <span class="muted small" aria-live="polite">
      <b class="items-count">{plural(found, "item")}</b>
      {scanned > found && ` of ${count(scanned)} read`}
      {`, ${plural(pages, "request")}, ${duration(ms)}`}
      {searching && " so far"}
    </span>
  );
}

function More({ results }: { results: Results }) {
  const state = results.state.value;
  if (state === "done" || state === "idle") return null;
  return (
    <div class="items-more">
      {state === "loading" && (
        <Button small icon="stop" onClick={() => results.stop()}>
          Stop
        </Button>
      )}
      {state === "more" && (
        <>
          <span class="muted small">There is more.</span>
          <Button small onClick={() => results.more()}>
            Load more
          </Button>
          <Button small onClick={() => results.all()}>
            Load all, up to {count(ITEMS_MAX)}
          </Button>
        </>
      )}
      {state === "full" && (
        <span class="muted small">
          There is more than the {count(ITEMS_MAX)} items that are shown at most. Search for fewer, or use an SDK.
        </span>
      )}
    </div>
  );
}

function Columns(props: {
  names: readonly string[];
  shown: readonly string[];
  onChange: (shown: ReadonlySet<string> | undefined) => void;
}) {
  return (
    <Popover label="Columns">
      {() => (
        <div class="items-columns">
          {props.names.map((name) => (
            <Checkbox
              key={name}
              label={<span class="data break">{name}</span>}
              checked={props.shown.includes(name)}
              onChange={(checked) => {
                const next = new Set(props.shown);
                if (checked) next.add(name);
                else next.delete(name);
                props.onChange(next);
              }}
            />
          ))}
          <Button small kind="quiet" onClick={() => props.onChange(undefined)}>
            As at first
          </Button>
        </div>
      )}
    </Popover>
  );
}

function Exports({ results, table, names, command }: CardProps & { names: readonly string[] }) {
  const save = (texts: string[], type: string, ending: string) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(texts, { type }));
    link.download = `${table.TableName}.${ending}`;
    link.click();
    // The browser has taken the address when the next task runs.
    setTimeout(() => URL.revokeObjectURL(link.href), 0);
    say(`${plural(results.items.length, "item")} are in ${link.download}.`);
  };
  const items = results.items;
  const copy = async () => {
    if (await copyText(command())) say("The command is copied.");
  };
  return (
    <Menu
      label="Export"
      icon="download"
      entries={[
        { label: "CSV", hint: "What is loaded, all attributes", run: () => save(csv(items, names), "text/csv", "csv") },
        {
          label: "JSON",
          hint: "Plain, as in the editor",
          run: () => save(jsonList(items, "plain"), "application/json", "json"),
        },
        {
          label: "DynamoDB JSON",
          hint: "With types, as the API has it",
          run: () => save(jsonList(items, "dynamodb"), "application/json", "dynamodb.json"),
        },
        { label: "Copy AWS CLI command", hint: "The same search", run: () => void copy() },
      ]}
    />
  );
}

function Nothing({ table, results, onCreate }: CardProps) {
  const everything = results.request?.kind === "scan" && !results.request.input.FilterExpression;
  if (!everything || results.state.value === "more") {
    return (
      <EmptyState icon="search" title="Nothing was found">
        <p>
          {results.state.value === "more"
            ? "So far. There is more to read."
            : "No item fits the search. Values are compared with their types: the string 1 is not the number 1."}
        </p>
      </EmptyState>
    );
  }
  return (
    <EmptyState icon="table" title="The table is empty">
      <p>Create an item here, or with the AWS CLI or an SDK:</p>
      <Snippets snippets={snippets(table)} />
      <Button kind="primary" icon="plus" onClick={onCreate}>
        Create item
      </Button>
    </EmptyState>
  );
}

function snippets(table: TabProps["table"]) {
  const { partition, sort } = keysOf(table);
  const example = { S: { S: "a" }, N: { N: "1" }, B: { B: "AQ==" } };
  const keys = [partition, ...(sort ? [sort] : [])];
  const item = Object.fromEntries(keys.map(({ name, type }) => [name, example[type]]));
  const json = JSON.stringify(item);
  const endpoint = location.origin;
  return [
    {
      label: "AWS CLI",
      text: `aws dynamodb put-item --endpoint-url ${endpoint} \\\n  --table-name ${table.TableName} --item '${json.replaceAll("'", "'\\''")}'`,
    },
    {
      label: "JavaScript",
      text: `import { DynamoDBClient, PutItemCommand } from "@aws-sdk/client-dynamodb";

const client = new DynamoDBClient({ endpoint: "${endpoint}", region: "us-east-1",
  credentials: { accessKeyId: "local", secretAccessKey: "local" } });
await client.send(new PutItemCommand({ TableName: "${table.TableName}", Item: ${json} }));`,
    },
  ];
}

/** BatchWriteItem takes so many at once. */
const BATCH = 25;

function DeleteItems(props: CardProps & { selected: ReadonlySet<number>; onClose: () => void; onDone: () => void }) {
  const action = useAction();
  const done = useSignal(0);
  const remove = async () => {
    const keys = [...props.selected].flatMap((row) => {
      const item = props.results.items[row];
      return item ? [keyOf(item, props.keyNames)] : [];
    });
    const deleted = await action.run(async () => {
      for (let start = 0; start < keys.length; start += BATCH) {
        await deleteBatch(props.table.TableName, keys.slice(start, start + BATCH));
        done.value = Math.min(start + BATCH, keys.length);
      }
    });
    if (!deleted) return;
    say(`${plural(keys.length, "item")} deleted.`);
    props.onDone();
  };
  const what = plural(props.selected.size, "item");
  return (
    <Confirm open title="Delete items" action={`Delete ${what}`} onClose={props.onClose} onConfirm={remove}>
      <p>
        {what} of <b class="break">{props.table.TableName}</b> are deleted, as they are now. That can't be taken back.
      </p>
      {done.value > 0 && <p class="muted">{count(done.value)} are deleted.</p>}
      {action.error && <ErrorState what="Not all were deleted." error={action.error} />}
    </Confirm>
  );
}

/** What the server leaves is sent again, so often. */
const TRIES = 8;

async function deleteBatch(table: string, keys: Item[]): Promise<void> {
  let left: WriteRequest[] = keys.map((Key) => ({ DeleteRequest: { Key } }));
  for (let attempt = 0; left.length > 0; attempt += 1) {
    if (attempt === TRIES) throw new Error(`${plural(left.length, "item")} are left: the server has too much to do.`);
    const { UnprocessedItems } = await dynamodb("BatchWriteItem", { RequestItems: { [table]: left } });
    left = UnprocessedItems?.[table] ?? [];
  }
}
