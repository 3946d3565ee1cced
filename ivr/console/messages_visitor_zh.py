"""Chinese texts of the pages for callers, and of the desk's phone."""

from __future__ import annotations

from typing import Final

VISITORS: Final[dict[str, str]] = {
    "Call now": "拨打",
    "hotline": "热线",
    "you": "您",
    "our colleague": "人工坐席",
    "Ready when you are.": "随时可以拨打。",
    "The network is away. One moment …": "网络中断，请稍候……",
    "The hotline speaks. You may interrupt it.": "热线正在说话，您可以随时打断。",
    "Your turn: speak.": "请讲。",
    "Listening to you …": "正在听您说……",
    "One moment …": "请稍候……",
    "Waiting for a colleague.": "正在等待人工坐席。",
    "Number {n} in the queue.": "您排在第 {n} 位。",
    "You speak with a colleague.": "您正在与人工坐席通话。",
    "You write with a colleague.": "您正在与人工坐席对话。",
    "Saying goodbye.": "正在结束通话。",
    "The call is over.": "通话已结束。",
    "Your microphone is off.": "您的麦克风已静音。",
    "The microphone may not be used. Allow it in the address bar, then call again.": (
        "无法使用麦克风。请在地址栏中允许，然后重新拨打。"
    ),
    "No microphone was found.": "没有找到麦克风。",
    "Browsers give the microphone to https pages and to this machine only.": (
        "浏览器只允许 https 页面或本机页面使用麦克风。"
    ),
    "All lines are busy. Try again in {n} seconds.": "线路繁忙，请在 {n} 秒后重试。",
    "The call could not be set up.": "无法建立通话。",
    "Call the hotline": "拨打热线",
    "Speak with it as on the telephone: it listens while it talks. Nothing has to be installed.": (
        "像打电话一样说话：热线说话时也在听。无需安装任何软件。"
    ),
    "Language of the call": "通话语言",
    "Your number (optional)": "您的号码（可选）",
    "Mute": "静音",
    "Hang up": "挂断",
    "Keypad": "拨号键盘",
    "key {n}": "按键 {n}",
    "Cannot speak now?": "现在不方便说话？",
    "Write to us": "文字对话",
    "Captions": "字幕",
    "What is said will be written here.": "通话内容会显示在这里。",
    "Agents and staff: sign in": "坐席与工作人员登录",
    "Chat": "文字对话",
    "Chat with the hotline": "与热线文字对话",
    "The conversation is over.": "对话已结束。",
    "New conversation": "新对话",
    "End": "结束",
    "Language": "语言",
    "Begin": "开始",
    "Your message": "您的消息",
    "Send": "发送",
    "Rather speak?": "想直接通话？",
    "Take calls in this browser": "在此浏览器接听",
    "You take no calls yet. Take them here: this page rings, and you speak with headset or microphone.": (
        "您还未接听来电。可在此接听：来电时页面会响铃，用耳机或麦克风通话即可。"
    ),
    "A call for you": "来电",
    "A chat for you": "文字来访",
    "Answer": "接听",
    "Refuse": "拒接",
    "You are on the line.": "通话中。",
    "You are in the chat.": "对话中。",
    "This page is your phone. Keep it open.": "此页面就是您的电话，请保持打开。",
    "The service is away. One moment …": "服务暂时中断，请稍候……",
    "The microphone may not be used. Allow it in the address bar.": "无法使用麦克风，请在地址栏中允许。",
}
