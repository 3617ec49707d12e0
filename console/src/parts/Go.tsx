import { Anchor, type AnchorProps, Card, type CardProps } from '@mantine/core';
import { createLink } from '@tanstack/react-router';
import type { ComponentPropsWithRef } from 'react';

type Own<P> = P & Omit<ComponentPropsWithRef<'a'>, keyof P>;

/** A link to another page of the console, with its address and search checked by the compiler. */
export const Go = createLink((props: Own<AnchorProps>) => <Anchor {...props} />);

/** A card that is a link as a whole. */
export const GoCard = createLink((props: Own<CardProps>) => <Card component="a" {...props} />);
