// Something that is done at the press of a button: whether it is under way, and how it failed.

import { useEffect, useRef, useState } from "preact/hooks";
import { type ApiError, asApiError, isAbort } from "../api/error.ts";

export interface Action {
  busy: boolean;
  /** Why the last attempt failed; show it where the button is. */
  error: ApiError | undefined;
  /** Does it, unless it is under way already; tells whether that went well. */
  run: (work: () => Promise<void>) => Promise<boolean>;
  clear: () => void;
}

/** One action of a component, or several of which one at a time is done. */
export function useAction(): Action {
  const [state, setState] = useState<{ busy: boolean; error?: ApiError }>({ busy: false });
  const running = useRef(false);
  const gone = useRef(false);
  useEffect(
    () => () => {
      gone.current = true;
    },
    [],
  );
  const show = (next: { busy: boolean; error?: ApiError }) => {
    if (!gone.current) setState(next);
  };
  const run = async (work: () => Promise<void>) => {
    if (running.current) return false;
    running.current = true;
    show({ busy: true });
    try {
      await work();
      show({ busy: false });
      return true;
    } catch (error) {
      show(isAbort(error) ? { busy: false } : { busy: false, error: asApiError(error) });
      return false;
    } finally {
      running.current = false;
    }
  };
  return { busy: state.busy, error: state.error, run, clear: () => show({ busy: false }) };
}
