// Changing the settings of a trigger, and deleting it.

import { useState } from "preact/hooks";
import { deleteMapping, type Mapping, updateMapping } from "../../api/lambda.ts";
import { forget } from "../../api/resource.ts";
import { functionOfArn, tableOfArn } from "../../model/arn.ts";
import { formOf, mappingProblems, settingsOf } from "../../model/mapping-form.ts";
import { go } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm, Dialog } from "../../ui/dialog.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { PatternsForm, SettingsForm, SettingsWords } from "./settings.tsx";
import { FilterTester } from "./tester.tsx";

interface Props {
  mapping: Mapping;
  open: boolean;
  onClose: () => void;
}

export function EditTrigger(props: Props & { reload: () => Promise<void> }) {
  return props.open ? <Edit {...props} /> : null;
}

function Edit({ mapping, onClose, reload }: Props & { reload: () => Promise<void> }) {
  const [form, setForm] = useState(() => formOf(mapping));
  const action = useAction();
  const problems = mappingProblems(form);
  const change = (part: Partial<typeof form>) => setForm((old) => ({ ...old, ...part }));
  const save = async () => {
    const done = await action.run(async () => {
      await updateMapping(mapping.UUID, settingsOf(form));
      await reload();
    });
    if (!done) return;
    say("The settings are changed. No record is lost by it.");
    onClose();
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Change settings"
      size="side"
      actions={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" busy={action.busy} disabled={Object.keys(problems).length > 0} onClick={save}>
            Save
          </Button>
        </>
      }
    >
      <div class="stack">
        <SettingsForm form={form} problems={problems} onChange={change} />
        <SettingsWords form={form} />
        <h3>Which changes</h3>
        <PatternsForm form={form} problems={problems} onChange={change} />
        {form.patterns.some((one) => one.trim() !== "") && (
          <FilterTester table={tableOfArn(mapping.EventSourceArn ?? "")} patterns={form.patterns} />
        )}
        {action.error && <ErrorState what="The settings were not changed." error={action.error} />}
      </div>
    </Dialog>
  );
}

export function DeleteTrigger({ mapping, open, onClose }: Props) {
  const action = useAction();
  const remove = async () => {
    const done = await action.run(async () => {
      await deleteMapping(mapping.UUID);
    });
    if (!done) return;
    forget("trigger");
    say("The trigger is deleted.");
    onClose();
    go("#/triggers");
  };
  return (
    <Confirm open={open} onClose={onClose} title="Delete the trigger?" action="Delete trigger" onConfirm={remove}>
      <p>
        <b class="break">{functionOfArn(mapping.FunctionArn ?? "")}</b> is not called with changes of{" "}
        <b class="break">{tableOfArn(mapping.EventSourceArn ?? "")}</b> any more, and the place where it was is
        forgotten. The function and what was given up stay.
      </p>
      {action.error && <ErrorState what="It was not deleted." error={action.error} />}
    </Confirm>
  );
}
