// Parts that are loaded when they are first shown.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type ApiError, asApiError } from "../api/error.ts";
import { ErrorState, Loading } from "../ui/states.tsx";

type Load<Props> = () => Promise<{ default: ComponentType<Props> }>;

/** What was loaded, so that it is there at once the next time. */
const loaded = new Map<unknown, ComponentType<never>>();

/** Shows the component that `load` gets, with these properties. */
export function Lazy<Props extends object>({ load, props }: { load: Load<Props>; props: Props }) {
  const [, setReady] = useState(0);
  const [error, setError] = useState<ApiError>();
  const Part = loaded.get(load) as ComponentType<Props> | undefined;

  const get = () => {
    setError(undefined);
    load().then(
      (module) => {
        loaded.set(load, module.default as ComponentType<never>);
        setReady((count) => count + 1);
      },
      (reason: unknown) => setError(asApiError(reason)),
    );
  };
  useEffect(() => {
    if (!loaded.has(load)) get();
  }, [load]);

  if (Part) return <Part {...props} />;
  if (error) return <ErrorState what="This part of the console did not load." error={error} retry={get} />;
  return <Loading />;
}
