"""A consent in English."""

from __future__ import annotations

from phosphene.consent.phrases import Phrases
from phosphene.consent.record import Scope

__all__ = ["PHRASES"]

PHRASES = Phrases(
    title="What you agree to",
    headings={
        "about": "For whom and how long",
        "what": "What is done",
        "who": "Who sees the pictures",
        "kept": "What is kept, and for how long",
        "leaves": "What leaves this room",
        "stop": "How to stop",
        "ask": "Whom to ask",
    },
    person="This is the agreement of the person called {person} here. Your name is not used.",
    visit="It is for the session {visit} only.",
    no_visit="It does not name a single session: it is for every session until it ends.",
    study="It is for the study {study}.",
    expires="It ends on {date}.",
    what={
        "fmri": "A scanner measures the blood flow in your brain. A computer makes a picture of "
        "what you may be seeing or imagining.",
        "eeg": "A cap measures the electrical activity of your brain. A computer makes a picture "
        "of what you may be seeing or imagining.",
        "": "Your brain activity is measured. A computer makes a picture of what you may be seeing "
        "or imagining.",
    },
    guesses=(
        "The pictures are guesses, made by a program (AI). They are often wrong, and are no "
        "photograph of your thoughts.",
        "A picture can still show something private, or something that you did not think of.",
    ),
    scopes={
        Scope.VIEW_SELF: ("You see the pictures yourself", "You do not see the pictures."),
        Scope.VIEW_OPERATOR: (
            "The person who runs the session sees the pictures",
            "The person who runs the session does not see the pictures.",
        ),
        Scope.VIEW_OBSERVER: (
            "Other people who watch see the pictures",
            "Nobody else sees the pictures.",
        ),
        Scope.RECORD_BRAIN: (
            "Your brain data, and what the computer made of it in numbers, is recorded.",
            "Your brain data is not recorded.",
        ),
        Scope.RECORD_IMAGES: ("The pictures are recorded.", "The pictures are not recorded."),
        Scope.EXPORT: (
            "Recordings may be given to others outside of this laboratory.",
            "Recordings are not given to anybody outside of this laboratory.",
        ),
        Scope.STREAM_RESULTS: (
            "Scores and categories are sent to other programs in this laboratory; pictures are "
            "not.",
            "Results are not sent to other programs.",
        ),
    },
    levels={
        4: ", in full.",
        3: ", coarsely (32 x 32 points at most).",
        2: ", very coarsely (8 x 8 points).",
        1: ", as a single colour only.",
        0: ": allowed by you, switched off in this session.",
    },
    at_most=", at most in full; each session can show less.",
    not_today=" It is switched off in this session.",
    sealed="The recording is encrypted: only the data steward can open it.",
    unsealed="The recording is not encrypted: whoever may use this computer's files can open it.",
    days="It is deleted after {days} days at the latest.",
    no_end="There is no fixed day on which it is deleted.",
    nothing_kept="Nothing of this session's brain data and pictures is kept.",
    deleted="You can have it deleted earlier, also right after the session.",
    pictures_sealed="Recorded pictures of a live session are always encrypted: only the data "
    "steward can open them.",
    perhaps_unsealed="Brain data is not encrypted unless the session says otherwise: whoever may "
    "use this computer's files can open it.",
    perhaps_days="Where pictures are recorded, it is deleted after {days} days at the latest, "
    "unless the session says otherwise.",
    perhaps_no_end="There is no fixed day on which it is deleted, unless the session says one.",
    marked='Every picture that is saved says that it is "AI-generated from brain data".',
    stop=(
        "You can stop at any time, without a reason and without any disadvantage.",
        "Press your stop button, or say so. The pictures go dark at once, and nothing more is "
        "decoded.",
        "You can take this agreement back at any time, also after the session.",
    ),
    no_contact="Ask the person who runs the session.",
    signed="Signed as {role} on {date} with the key {key}.",
    unsigned="Not signed.",
    roles={"participant": "the participant", "steward": "the data steward"},
)
