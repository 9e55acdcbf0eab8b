using System.Globalization;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Budget;

/// <summary>Dollars as people type them.</summary>
public static class LimitText
{
    /// <summary><c>150</c>, <c>149.50</c>, <c>$1,200</c>. A comma stands only between thousands: taken for a decimal sign it would be a hundredfold.</summary>
    /// <returns>The amount, or what is wrong with the text and what to do.</returns>
    public static (Usd? Amount, string? Problem) Read(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string plain = text.Trim().TrimStart('$').Trim();
        string[] groups = plain.Split('.')[0].Split(',');
        bool grouped = groups.Length == 1 || (groups[0].Length is >= 1 and <= 3 && groups[1..].All(group => group.Length == 3));
        const NumberStyles Style = NumberStyles.AllowDecimalPoint | NumberStyles.AllowThousands | NumberStyles.AllowLeadingSign;
        if (!grouped || !decimal.TryParse(plain, Style, CultureInfo.InvariantCulture, out decimal dollars))
        {
            return (null, "This is no amount of dollars. Write it like 150 or 149.50.");
        }

        return dollars < 0 || dollars > BudgetRules.Highest.Dollars
            ? (null, $"A limit lies between 0 and {BudgetRules.Highest.Dollars.ToString("#,0", CultureInfo.InvariantCulture)} dollars.")
            : (Usd.FromDollars(dollars), null);
    }

    public static string Write(Usd amount) => amount.Dollars.ToString("0.##", CultureInfo.InvariantCulture);
}
