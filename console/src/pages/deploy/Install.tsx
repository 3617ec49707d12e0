import { Anchor, NativeSelect, Stack, Text, TextInput, Title } from '@mantine/core';
import { useState } from 'react';

import { useRead } from '../../api/read';
import { CopyBox } from '../../parts/CopyBox';
import { ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { PACKAGES, SYSTEMS, type System, isPlace, labelsApart } from './commands';

/** The token, and the lines that install the agent with it on the system that is chosen. */
export function Install({ token }: { token: string }) {
  const [system, setSystem] = useState<System>('debian');
  const [packages, setPackages] = useState('');
  const [written, setWritten] = useState('');
  const labels = labelsApart(written);
  const isKnown = isPlace(packages.trim());
  const query = {
    packages: isKnown && packages.trim() !== '' ? packages.trim() : undefined,
    labels: labels === undefined || labels.length === 0 ? undefined : labels.join(','),
  };
  const read = useRead(['install-commands', query], (api) =>
    api.GET('/api/v1/enrolment-tokens/install-commands', { params: { query } }),
  );
  return (
    <Stack>
      <CopyBox label={text.deploy.token} value={token} />
      <Anchor
        size="sm"
        className="fit"
        href={`data:text/plain;charset=utf-8,${encodeURIComponent(`${token}\n`)}`}
        download="token"
      >
        {text.deploy.save}
      </Anchor>
      <Title order={3} size="h5">
        {text.deploy.install}
      </Title>
      <NativeSelect
        maw={480}
        label={text.deploy.system}
        value={system}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          setSystem(SYSTEMS.find((one) => one === chosen) ?? 'debian');
        }}
        data={SYSTEMS.map((value) => ({ value, label: text.deploy.systems[value] }))}
      />
      <TextInput
        maw={480}
        label={text.deploy.packages}
        description={text.deploy.packagesDetail}
        placeholder="https://packages.example/muster"
        value={packages}
        onChange={(event) => setPackages(event.currentTarget.value)}
        error={isKnown ? undefined : text.deploy.packagesWrong}
      />
      <TextInput
        maw={480}
        label={text.deploy.moreLabels}
        description={text.deploy.moreLabelsDetail}
        placeholder="site=north, tier=web"
        value={written}
        onChange={(event) => setWritten(event.currentTarget.value)}
        error={labels === undefined ? text.deploy.labelsWrong : undefined}
      />
      {packages.trim() === '' && <Text size="sm">{text.deploy.placeholder(PACKAGES)}</Text>}
      <Text size="sm">{text.deploy.asWho[system === 'windows' ? 'windows' : 'unix']}</Text>
      <ReadView read={read}>
        {(given) => {
          const lines = given.systems.find((one) => one.system === system)?.lines ?? [];
          return lines.map((line) => (
            <CopyBox key={line.step} label={text.deploy.steps[line.step]} value={line.command} />
          ));
        }}
      </ReadView>
      <Text size="sm" c="dimmed">
        {text.deploy.network}
      </Text>
    </Stack>
  );
}
