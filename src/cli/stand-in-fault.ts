import { Fault } from '../message/codes.ts';
import { StandInError } from '../simulate/service-bus/stand-in-error.ts';

/** The stand-in has errors of its own, as it knows nothing of this program; here they become ours. */
export const asFault = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StandInError) throw new Fault(error.code, error.text, { cause: error });
    throw error;
  }
};
