"""The dialog language as models: every key, with its type, default and meaning."""

from ivr.dialog.schema.action import Action
from ivr.dialog.schema.base import NOWHERE, Node
from ivr.dialog.schema.files import ActionsFile, PromptsFile, TestsFile
from ivr.dialog.schema.flow import Flow, Trigger
from ivr.dialog.schema.handler import EVENTS, Catch, EndSpec, Handler, HandoverSpec, Ladder
from ivr.dialog.schema.hotline import (
    Anger,
    Confidence,
    Defaults,
    Entry,
    Hotline,
    Limits,
    Queue,
    Retention,
    Term,
)
from ivr.dialog.schema.listen import Listen
from ivr.dialog.schema.prompt import Command, Phrases, Prompt, Variant
from ivr.dialog.schema.slot import Confirm, ConfirmMode, Option, Slot, SlotPrompts
from ivr.dialog.schema.step import (
    VERBS,
    AskStep,
    Branch,
    BranchStep,
    CallStep,
    EndStep,
    Guess,
    HandoverStep,
    Route,
    RoutePrompts,
    RouteStep,
    RunStep,
    SayStep,
    SetStep,
    Step,
    StepBase,
)
from ivr.dialog.schema.testcase import Expect, ExpectedHandover, Given, TestCase, Turn
from ivr.dialog.source import Position

__all__ = [
    "EVENTS",
    "NOWHERE",
    "VERBS",
    "Action",
    "ActionsFile",
    "Anger",
    "AskStep",
    "Branch",
    "BranchStep",
    "CallStep",
    "Catch",
    "Command",
    "Confidence",
    "Confirm",
    "ConfirmMode",
    "Defaults",
    "EndSpec",
    "EndStep",
    "Entry",
    "Expect",
    "ExpectedHandover",
    "Flow",
    "Given",
    "Guess",
    "Handler",
    "HandoverSpec",
    "HandoverStep",
    "Hotline",
    "Ladder",
    "Limits",
    "Listen",
    "Node",
    "Option",
    "Phrases",
    "Position",
    "Prompt",
    "PromptsFile",
    "Queue",
    "Retention",
    "Route",
    "RoutePrompts",
    "RouteStep",
    "RunStep",
    "SayStep",
    "SetStep",
    "Slot",
    "SlotPrompts",
    "Step",
    "StepBase",
    "Term",
    "TestCase",
    "TestsFile",
    "Trigger",
    "Turn",
    "Variant",
]
