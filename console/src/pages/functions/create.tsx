// The form that makes a function.

import { useMemo, useState } from "preact/hooks";
import { createFunction } from "../../api/lambda.ts";
import { forget } from "../../api/resource.ts";
import { type FunctionForm, functionInput, functionProblems, NEW_FUNCTION } from "../../model/function-form.ts";
import { go, href } from "../../shell/router.ts";
import { useAction } from "../../ui/action.ts";
import { Button, LinkButton } from "../../ui/button.tsx";
import { Card, PageHead } from "../../ui/page.tsx";
import { ErrorState } from "../../ui/states.tsx";
import { say } from "../../ui/toast.tsx";
import { FunctionFields } from "./form.tsx";
import "./functions.css";

const CRUMBS = [{ label: "Functions", href: "#/functions" }];

export default function CreateFunction() {
  const [form, setForm] = useState<FunctionForm>(NEW_FUNCTION);
  const [tried, setTried] = useState(false);
  const action = useAction();
  const problems = useMemo(() => functionProblems(form), [form]);
  const create = async (event: Event) => {
    event.preventDefault();
    setTried(true);
    if (Object.keys(problems).length > 0) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>("[aria-invalid]")?.focus());
      return;
    }
    const done = await action.run(() => createFunction(functionInput(form)));
    if (!done) return;
    forget("function");
    say(`${form.name} can be called.`);
    go(href("/functions/:name", { name: form.name }));
  };
  return (
    <div class="page">
      <PageHead title="Create function" crumbs={CRUMBS} />
      <form class="stack function-form" onSubmit={create} noValidate>
        <Card>
          <FunctionFields
            form={form}
            problems={tried ? problems : {}}
            onChange={(part) => setForm((old) => ({ ...old, ...part }))}
          />
        </Card>
        {action.error && <ErrorState what="The function could not be created." error={action.error} />}
        <div class="row">
          <Button kind="primary" submit busy={action.busy} icon="plus">
            Create function
          </Button>
          <LinkButton href="#/functions">Cancel</LinkButton>
        </div>
      </form>
    </div>
  );
}
