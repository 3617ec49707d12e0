import { Button, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';

import { connect } from '../api/client';
import { ApiError, problemOf } from '../api/problem';
import { useSession } from '../api/session';
import { text } from '../text/text';

interface ExportProps {
  /** The path of the export, such as `/api/v1/hosts/export`. */
  path: string;
  /** The filter and the order of the list, without its page. */
  query: object;
  /** The file's name without its end. */
  name: string;
  /** What it can be written as; CSV and NDJSON where it says nothing. */
  formats?: readonly ('csv' | 'ndjson')[];
  /** What the path is told of the format: nothing where it has but one. */
  isFixed?: boolean;
}

/** Saves a list whole, with exactly the filter and the order that are shown. */
export function Export({ path, query, name, formats = ['csv', 'ndjson'], isFixed = false }: ExportProps) {
  const { may } = useSession();
  const { save, isRunning } = useSave();
  if (!may('inventory:export')) return null;
  return (
    <Menu>
      <Menu.Target>
        <Button variant="default" size="xs" loading={isRunning}>
          {text.export.export}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {formats.map((format) => (
          <Menu.Item
            key={format}
            onClick={() => save(path, { ...query, ...(isFixed ? {} : { format }) }, `${name}.${format}`)}
          >
            {text.export[format]}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Saves answers as files. */
export function useSave() {
  const { company } = useSession();
  const [isRunning, setRunning] = useState(false);

  async function run(path: string, query: object, name: string) {
    setRunning(true);
    try {
      const response = await ask(company, path, query);
      // An answer that breaks off rejects here, so that nobody takes a part for the whole.
      hand(await response.blob(), name);
    } catch (error) {
      const message = error instanceof ApiError ? error.message : text.export.broken;
      notifications.show({ title: text.export.failed, message, color: 'red', autoClose: 10_000 });
    } finally {
      setRunning(false);
    }
  }

  const save = (path: string, query: object, name: string) => void run(path, query, name);
  return { save, isRunning };
}

/** The answer to an export. */
async function ask(company: string | undefined, path: string, query: object): Promise<Response> {
  const api = connect(company) as unknown as {
    GET: (path: string, init: object) => Promise<{ response: Response; error?: unknown }>;
  };
  const answer = await api.GET(path, { params: { query }, parseAs: 'stream' });
  if (!answer.response.ok) throw problemOf(answer.response, answer.error);
  return answer.response;
}

/** Hands a file to the browser. */
function hand(blob: Blob, name: string) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
