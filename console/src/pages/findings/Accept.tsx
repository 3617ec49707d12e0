import { Button, NativeSelect, Stack, Text } from '@mantine/core';
import { useState } from 'react';

import type { Schemas } from '../../api/client';
import { useRead, useWrite } from '../../api/read';
import { Impact } from '../exceptions/Impact';
import { text } from '../../text/text';
import { exceptionOf, useDecision } from './decision';
import { DecisionFields } from './DecisionFields';
import type { Finding } from './finding';

/** How wide an exception reaches. */
const REACHES = ['version', 'product', 'cve', 'host'] as const;

interface AcceptProps {
  finding: Finding;
  host?: { id: string; hostname: string };
  done: () => void;
}

/** Decides not to be told of a finding, says why and until when, and shows beforehand what that comes to. */
export function Accept({ finding, host, done }: AcceptProps) {
  const form = useDecision();
  const [reach, setReach] = useState<(typeof REACHES)[number]>('version');
  const { id: cve } = finding.cve;
  const { name: product, source, version } = finding.software;
  const rule: Schemas['ExceptionRuleBody'] =
    reach === 'cve'
      ? { cve }
      : reach === 'host'
        ? { cve, product, source, host: host?.id }
        : { cve, product, source, version: reach === 'version' ? version : undefined };
  const settings = useRead(['exceptions', 'settings'], (api) => api.GET('/api/v1/exceptions/settings'));
  const create = useWrite((api, body: Schemas['NewException']) => api.POST('/api/v1/exceptions', { body }), {
    done: (answer) =>
      answer.state === 'requested' ? text.accept.requested : text.accept.made(answer.suppressed),
    onDone: done,
  });
  const names: Record<(typeof REACHES)[number], string> = {
    version: text.accept.reachVersion(cve, `${product} ${version}`),
    product: text.accept.reachProduct(cve, product),
    cve: text.accept.reachCve(cve),
    host: text.accept.reachHost(cve, product, host?.hostname ?? ''),
  };

  return (
    <form
      onSubmit={form.onSubmit((values) =>
        create.mutate(exceptionOf(rule, values), { onError: (error) => form.setErrors(error.fields) }),
      )}
    >
      <Stack>
        <NativeSelect
          label={text.accept.reach}
          data={REACHES.filter((one) => one !== 'host' || host).map((one) => ({
            value: one,
            label: names[one],
          }))}
          value={reach}
          onChange={(event) => setReach(event.currentTarget.value as typeof reach)}
        />
        <DecisionFields form={form} />
        <Impact rule={rule} />
        {settings.data?.approval_needed === true && <Text size="sm">{text.accept.approvalNeeded}</Text>}
        <Button type="submit" loading={create.isPending} className="fit">
          {settings.data?.approval_needed === true ? text.accept.ask : text.accept.submit}
        </Button>
      </Stack>
    </form>
  );
}
