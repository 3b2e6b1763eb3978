// Parts of forms. Each has a label, and may have a hint and an error, which are tied to it for screen readers.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface Labelled {
  label: string;
  /** The label is only for screen readers: what it is shows from its place. */
  hideLabel?: boolean;
  hint?: ComponentChildren;
  error?: string | undefined;
}

interface Described {
  id: string;
  "aria-describedby": string | undefined;
  "aria-invalid": "true" | undefined;
}

/** A label above, the control, a hint or an error below. The control gets what ties it to them. */
export function Field(props: Labelled & { children: (described: Described) => ComponentChildren }) {
  const id = useId();
  const note = `${id}-note`;
  const hasNote = props.error !== undefined || props.hint !== undefined;
  return (
    <div class="field">
      <label class={props.hideLabel ? "visually-hidden" : "field-label"} for={id}>
        {props.label}
      </label>
      {props.children({
        id,
        "aria-describedby": hasNote ? note : undefined,
        "aria-invalid": props.error !== undefined ? "true" : undefined,
      })}
      <Note id={note} error={props.error} hint={props.hint} />
    </div>
  );
}

function Note({ id, error, hint }: { id: string; error?: string | undefined; hint?: ComponentChildren }) {
  if (error !== undefined) {
    return (
      <p id={id} class="field-error">
        <Icon name="alert" size={14} />
        <span>{error}</span>
      </p>
    );
  }
  return hint === undefined ? null : (
    <p id={id} class="field-hint">
      {hint}
    </p>
  );
}

export interface TextFieldProps extends Labelled {
  value: string;
  onInput: (value: string) => void;
  placeholder?: string;
  /** Data rather than prose: in the font of code. */
  mono?: boolean;
  type?: "text" | "number" | "search" | "datetime-local";
  disabled?: boolean;
  required?: boolean;
  /** What numbers and times go by; 1 shows the seconds of a time. */
  step?: number;
  /** The field that `/` goes to. */
  filter?: boolean;
  autoFocus?: boolean;
  /** Suggestions; anything else can be typed too. */
  list?: readonly string[];
  onKeyDown?: (event: KeyboardEvent) => void;
}

/** A line of text. */
export function TextField(props: TextFieldProps) {
  const listId = useId();
  return (
    <Field label={props.label} hideLabel={props.hideLabel ?? false} hint={props.hint} error={props.error}>
      {(described) => (
        <>
          <input
            {...described}
            class={props.mono ? "input mono" : "input"}
            type={props.type ?? "text"}
            value={props.value}
            placeholder={props.placeholder}
            disabled={props.disabled}
            required={props.required}
            step={props.step}
            spellcheck={false}
            autocomplete="off"
            data-filter={props.filter ? "" : undefined}
            data-autofocus={props.autoFocus ? "" : undefined}
            list={props.list ? listId : undefined}
            onInput={(event) => props.onInput(event.currentTarget.value)}
            onKeyDown={props.onKeyDown}
          />
          {props.list && (
            <datalist id={listId}>
              {props.list.map((one) => (
                <option key={one} value={one} />
              ))}
            </datalist>
          )}
        </>
      )}
    </Field>
  );
}

/** Several lines of text. */
export function TextArea(props: Omit<TextFieldProps, "type" | "list"> & { rows?: number }) {
  return (
    <Field label={props.label} hideLabel={props.hideLabel ?? false} hint={props.hint} error={props.error}>
      {(described) => (
        <textarea
          {...described}
          class={props.mono ? "input mono" : "input"}
          rows={props.rows ?? 4}
          value={props.value}
          placeholder={props.placeholder}
          disabled={props.disabled}
          spellcheck={false}
          data-autofocus={props.autoFocus ? "" : undefined}
          onInput={(event) => props.onInput(event.currentTarget.value)}
          onKeyDown={props.onKeyDown}
        />
      )}
    </Field>
  );
}

export interface Option<Value extends string> {
  value: Value;
  label: string;
  /** One line that explains it, where there is room. */
  hint?: string;
  disabled?: boolean;
}

/** One of several, folded. */
export function Select<Value extends string>(
  props: Labelled & {
    value: Value;
    options: readonly Option<Value>[];
    onChange: (value: Value) => void;
    disabled?: boolean;
  },
) {
  return (
    <Field label={props.label} hideLabel={props.hideLabel ?? false} hint={props.hint} error={props.error}>
      {(described) => (
        <select
          {...described}
          class="input select"
          value={props.value}
          disabled={props.disabled}
          onChange={(event) => props.onChange(event.currentTarget.value as Value)}
        >
          {props.options.map((option) => (
            <option key={option.value} value={option.value} disabled={option.disabled}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** One of several, all shown, each with a line that explains it. */
export function Choices<Value extends string>(
  props: Labelled & {
    value: Value | undefined;
    options: readonly Option<Value>[];
    onChange: (value: Value) => void;
    disabled?: boolean;
  },
) {
  const name = useId();
  return (
    <fieldset class="choices" disabled={props.disabled}>
      <legend class={props.hideLabel ? "visually-hidden" : "field-label"}>{props.label}</legend>
      {props.options.map((option) => (
        <label class="choice" key={option.value}>
          <input
            type="radio"
            name={name}
            checked={props.value === option.value}
            disabled={option.disabled}
            onChange={() => props.onChange(option.value)}
          />
          <span class="choice-text">
            <span class="choice-label">{option.label}</span>
            {option.hint && <span class="choice-hint">{option.hint}</span>}
          </span>
        </label>
      ))}
      <Note id={`${name}-note`} error={props.error} hint={props.hint} />
    </fieldset>
  );
}

/** One of a few, side by side; for views and modes. */
export function Segments<Value extends string>(props: {
  label: string;
  value: Value;
  options: readonly Option<Value>[];
  onChange: (value: Value) => void;
  disabled?: boolean;
}) {
  const name = useId();
  return (
    <fieldset class="segments" disabled={props.disabled}>
      <legend class="visually-hidden">{props.label}</legend>
      {props.options.map((option) => (
        <label key={option.value} title={option.hint}>
          <input
            type="radio"
            class="visually-hidden"
            name={name}
            checked={props.value === option.value}
            disabled={option.disabled}
            onChange={() => props.onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Yes or no. */
export function Checkbox(props: {
  label: ComponentChildren;
  checked: boolean;
  onChange: (checked: boolean) => void;
  hint?: ComponentChildren;
  disabled?: boolean;
}) {
  const id = useId();
  return (
    <div class="checkbox">
      <input
        id={id}
        type="checkbox"
        checked={props.checked}
        disabled={props.disabled}
        aria-describedby={props.hint ? `${id}-note` : undefined}
        onChange={(event) => props.onChange(event.currentTarget.checked)}
      />
      <label for={id}>{props.label}</label>
      <Note id={`${id}-note`} hint={props.hint} />
    </div>
  );
}
