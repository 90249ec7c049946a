"""The few words of every prompt that are not the item's, per language."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Phrases:
    """What frames a question in one language.

    Attributes
    ----------
    question, options, answer
        Labels, with their colon.
    instruction
        Asks for a name and nothing else.
    neutral
        Stands in for the question where an option's unconditional log-prob is wanted.
    space
        What separates a label from what follows it on the line.
    """

    question: str
    options: str
    answer: str
    instruction: str
    neutral: str = "…"
    space: str = " "


PHRASES: dict[str, Phrases] = {
    "en": Phrases("Question:", "Options:", "Answer:", "Answer with the name only."),
    "es": Phrases("Pregunta:", "Opciones:", "Respuesta:", "Responde solo con el nombre."),
    "fr": Phrases("Question :", "Options :", "Réponse :", "Réponds seulement par le nom."),
    "de": Phrases("Frage:", "Optionen:", "Antwort:", "Antworte nur mit dem Namen."),
    "it": Phrases("Domanda:", "Opzioni:", "Risposta:", "Rispondi solo con il nome."),
    "pt": Phrases("Pergunta:", "Opções:", "Resposta:", "Responda apenas com o nome."),
    "nl": Phrases("Vraag:", "Opties:", "Antwoord:", "Antwoord alleen met de naam."),
    "ru": Phrases("Вопрос:", "Варианты:", "Ответ:", "Ответь только названием."),
    "zh": Phrases("问题：", "选项：", "答案：", "只回答名称。", space=""),
    "ja": Phrases("質問：", "選択肢：", "答え：", "名称だけで答えてください。", space=""),
    "ar": Phrases("السؤال:", "الخيارات:", "الجواب:", "أجب بالاسم فقط."),
    "hi": Phrases("प्रश्न:", "विकल्प:", "उत्तर:", "केवल नाम से उत्तर दें।"),
    "tr": Phrases("Soru:", "Seçenekler:", "Cevap:", "Yalnızca adla cevap ver."),
    "sw": Phrases("Swali:", "Chaguo:", "Jibu:", "Jibu kwa jina tu."),
    "id": Phrases("Pertanyaan:", "Pilihan:", "Jawaban:", "Jawab dengan nama saja."),
}


def phrases_for(language: str) -> Phrases:
    """Return the phrases of a language; one that has none here is framed in English."""
    return PHRASES.get(language.split("-")[0], PHRASES["en"])
